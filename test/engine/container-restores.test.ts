/** Backups of containers in the place of these, and the proof of such: over the real engine; their runtime is an object. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { Exit } from "../../src/engine/drivers/running.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { tarOf } from "../support/container-image.ts";
import { FakeRuntime, openWithContainers } from "../support/fake-containers.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FILES, filesIn, launchKept, type TarFile } from "../support/kept-container.ts";
import { WORKER } from "../support/repository-worker.ts";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;
let places: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  places = await mkdtemp(path.join(tmpdir(), "berth-tree-restores-"));
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await openWithContainers(world, runtime);
  const place = path.join(places, "main");
  await succeeded(engine, engine.repositories.add({ name: "main", place, init: true }));
});
afterEach(async () => {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
});

const signal = () => AbortSignal.timeout(20_000);
const idOf = (name: string) => engine.instances.get(name).id;
const backUp = () => engine.backups.create("web", { full: false, isProtected: false });
const latest = async () => (await engine.backups.list({}, signal())).items.at(-1) as Backup;
const one = async () => ({ repository: "main", backup: (await latest()).id });
const launched = (container = {}) => launchKept(engine, runtime, container);

const treesOf = (name: string) => runtime.trees.get(idOf(name));
const rowsOf = async (name: string) => {
  const all = await Promise.all((treesOf(name)?.volumes ?? []).map(({ tar }) => filesIn(tar)));
  return all
    .flatMap((files) => [...files.values()].map(({ body }) => body))
    .filter(Boolean)
    .sort();
};
/** What a volume holds, as its runtime tells it. */
const rows = (body: string) =>
  tarOf([
    { name: "top", type: "directory" },
    { name: "top/rows", body: Buffer.from(body) },
  ]);

/** It is stopped, and has other files and another row than its backup. */
async function changed(): Promise<void> {
  await launched();
  await succeeded(engine, backUp());
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  const held = treesOf("web");
  if (!held) throw new Error("it holds something");
  const changedRows = await rows("changed rows");
  runtime.trees.set(idOf("web"), {
    ...held,
    root: await tarOf([{ name: "etc/motd", body: Buffer.from("changed\n") }]),
    volumes: [
      ...held.volumes.map((volume) => ({ ...volume, tar: changedRows })),
      {
        ...{ name: "a".repeat(64), target: "/later", isAnonymous: true },
        tar: await rows("what came later"),
      },
    ],
  });
}

test("in its place it is what it was, beside its own environment and later volumes, and what it was is kept", async () => {
  await changed();
  const before = treesOf("web");
  const { id, container: old } = engine.instances.get("web");
  const { warnings = [] } = await succeeded(engine, engine.backups.revert(await one(), undefined, signal()));
  const motd = (await filesIn(treesOf("web")?.root)).get("etc/motd");
  expect(motd).toMatchObject({ body: "hello\n", header: { mode: 0o640, uid: 7 } });
  const { container, snapshotCount } = engine.instances.get("web");
  expect(engine.instances.get("web")).toMatchObject({ id, state: "stopped" });
  expect(container).toMatchObject({ env: ["TOKEN"], command: ["serve"] });
  const [volume] = container?.volumes ?? [];
  expect(volume).toMatchObject({
    ...{ target: "/data", readOnly: true, name: expect.stringMatching(/^data-[0-9a-f]{8}$/) },
  });
  expect(warnings.join("\n")).toContain(`its old ones stay as they are: /data is ${volume?.name}`);
  expect(warnings.join("\n")).toContain("kept in its snapshot before-restore-1");
  expect(await rowsOf("web")).toContain("what came later");
  expect(await rowsOf("web")).not.toContain("changed rows");
  expect(runtime.volumes.has("data")).toBe(true);
  expect(snapshotCount).toBe(1);
  await succeeded(engine, engine.instances.start("web"));
  await succeeded(engine, engine.instances.stop("web", { force: false }));

  const again = { destructive: false, automatic: true };
  await succeeded(engine, engine.snapshots.restore("web", "before-restore-1", again));
  expect(treesOf("web")?.root).toEqual(before?.root);
  expect(await rowsOf("web")).toEqual(["changed rows", "what came later"]);
  expect(engine.instances.get("web").container?.volumes).toEqual(old?.volumes);
  await succeeded(engine, engine.snapshots.restore("web", "before-restore-2", again));
  expect(engine.instances.get("web").container?.volumes).toEqual(container?.volumes);
  expect(await rowsOf("web")).not.toContain("changed rows");
});

test("volumes without a name are there as long as it or a snapshot has them, and go with it", async () => {
  await changed();
  await succeeded(engine, backUp());
  const later = "a".repeat(64);
  await succeeded(engine, engine.backups.revert(await one(), undefined, signal()));
  const names = () => [...runtime.volumes.keys()].filter((name) => /^[0-9a-f]{64}$/.test(name));
  expect(names()).toHaveLength(2);
  await succeeded(engine, engine.snapshots.remove("web", "before-restore-1"));
  expect(names()).toEqual([expect.not.stringMatching(later)]);
  await succeeded(engine, engine.backups.revert(await one(), undefined, signal()));
  expect(names()).toHaveLength(2);
  await succeeded(
    engine,
    engine.snapshots.restore("web", "before-restore-1", { destructive: true, automatic: false }),
  );
  expect(names()).toHaveLength(1);
  await succeeded(engine, engine.instances.delete("web", { purge: true }));
  expect(names()).toEqual([]);
});

test("a restore in place that fails, or is called off, leaves what there was", async () => {
  await changed();
  const before = treesOf("web");
  const { container } = engine.instances.get("web");
  runtime.place = "/proc"; // There is never any room.
  const failed = await ended(engine, engine.backups.revert(await one(), undefined, signal()));
  expect(failed.error).toMatchObject({ code: "no-resources" });
  expect(treesOf("web")).toEqual({ ...before, volumes: expect.any(Array) });
  expect(await rowsOf("web")).toEqual(["changed rows", "what came later"]);
  expect(engine.instances.get("web")).toMatchObject({ state: "stopped", container });
  runtime.place = undefined;
  runtime.makes = () => {
    throw new EngineError("driver-failed", "cannot create web: the disk is full");
  };
  const broken = await ended(engine, engine.backups.revert(await one(), undefined, signal()));
  expect(broken.error?.message).toContain("the disk is full");
  expect(treesOf("web")?.root).toEqual(before?.root);
  expect(engine.instances.get("web").container).toEqual(container);
});

test("in its place it is refused where it runs, was removed, is another thing, or one disk of it is wanted", async () => {
  await launched();
  await succeeded(engine, backUp());
  const revert = async (disk?: string) => engine.backups.revert(await one(), disk, signal());
  await expect(revert()).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await expect(revert("disk")).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining("a container, which has no disks"),
  });
  await expect(engine.backups.restore(await one(), undefined, signal())).rejects.toMatchObject({
    code: "already-exists",
  });
  await succeeded(engine, engine.instances.delete("web", { purge: true }));
  await expect(revert()).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining("web is no longer there"),
  });
});

test("a drill proves one, tells of an application that ended by itself, and leaves nothing", async () => {
  await launched({ networks: ["team"], restart: "always" });
  await succeeded(engine, backUp());
  const operation = await succeeded(engine, engine.backups.drill(await one(), signal()));
  expect(operation.warnings ?? []).toEqual([]);
  expect((await latest()).drilledAt).toBeDefined();
  expect((await latest()).id).toMatch(new RegExp(`^${operation.progress?.message}`));
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
  const made = [...runtime.made].find(([name]) => name.startsWith("drill-"))?.[1];
  expect(made).toMatchObject({ network: "isolated", container: { restart: "no" } });
  expect(made?.container).not.toHaveProperty("networks");
  expect([...runtime.volumes.keys()]).toEqual([]);
  expect([...runtime.trees.keys()]).toEqual([idOf("web")]);
});

test.each([
  [{ how: "guest-shutdown" }, /^It was started, and ended by itself$/],
  [
    { how: "crashed", detail: "its command ended with code 3" },
    /^It was started, and .*: .* ended with code 3/,
  ],
] satisfies [Exit, RegExp][])("a drill tells how an application ended: %j", async (exit, told) => {
  await launched();
  await succeeded(engine, backUp());
  const name = `drill-${(await latest()).id.slice(0, 8)}`;
  runtime.host.knobsOf.set(name, { ready: "never" });
  const reached = runtime.host.reached("ready", name);
  const operation = await engine.backups.drill(await one(), signal());
  await reached;
  runtime.host.end(idOf(name), exit);
  const { warnings } = await succeeded(engine, operation);
  expect(warnings).toEqual([expect.stringMatching(told)]);
  expect((await latest()).drilledAt).toBeDefined();
  expect(engine.instances.list().map((each) => each.name)).toEqual(["web"]);
});

test("what cannot be started proves nothing", async () => {
  await launched();
  await succeeded(engine, backUp());
  runtime.host.knobs.start = new EngineError("driver-failed", "cannot start it: no such program");
  const failed = await ended(engine, engine.backups.drill(await one(), signal()));
  expect(failed.error?.message).toContain("no such program");
  expect((await latest()).drilledAt).toBeUndefined();
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
});

test.each([
  [
    "/etc/motd has another owner",
    (files: TarFile[]) => files.map((file) => (file.name === "etc/motd" ? { ...file, uid: 8 } : file)),
  ],
  [
    "/again has another content",
    (files: TarFile[]) =>
      files.map((file) => (file.name === "large" ? { ...file, body: randomBytes(1_500_000) } : file)),
  ],
  ["/etc/link is not there", (files: TarFile[]) => files.filter(({ name }) => name !== "etc/link")],
  [
    "/more is there, and should not be",
    (files: TarFile[]) => [...files, { name: "more", body: Buffer.from("x") }],
  ],
])("a drill finds that %s, and leaves nothing", async (what, spoil) => {
  await launched();
  await succeeded(engine, backUp());
  runtime.makes = async (held) => ({ ...held, root: await tarOf(spoil([...FILES])) });
  const failed = await ended(engine, engine.backups.drill(await one(), signal()));
  expect(failed.error?.message).toMatch(new RegExp(`^cannot prove the backup .{8}: ${what} when`));
  expect((await latest()).drilledAt).toBeUndefined();
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
  expect([...runtime.volumes.keys()]).toEqual([]);
});
