/** Backups of containers over the real engine and a real repository, which restic reads; their runtime is an object. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { deferred } from "../../src/base/async.ts";
import { run } from "../../src/base/run.ts";
import { filesOfBackup } from "../../src/client/files/backup-files.ts";
import { GuestFiles } from "../../src/client/files/guest-files.ts";
import { packTree } from "../../src/client/files/pack-tree.ts";
import { Sftp } from "../../src/client/files/sftp.ts";
import type { OneBackup } from "../../src/engine/backup-core.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { tarOf } from "../support/container-image.ts";
import { FakeRuntime, openWithContainers } from "../support/fake-containers.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { filesIn, LARGE, launchKept } from "../support/kept-container.ts";
import { WORKER } from "../support/repository-worker.ts";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;
let places: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  places = await mkdtemp(path.join(tmpdir(), "berth-tree-backups-"));
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await openWithContainers(world, runtime);
  await succeeded(engine, engine.repositories.add({ name: "main", place: place(), init: true }));
});
afterEach(async () => {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
});

const signal = () => AbortSignal.timeout(20_000);
const place = () => path.join(places, "main");
const idOf = (name: string) => engine.instances.get(name).id;
const backUp = (name = "web") => engine.backups.create(name, { full: false, isProtected: false });
const latest = async () => (await engine.backups.list({}, signal())).items.at(-1) as Backup;
const one = async () => ({ repository: "main", backup: (await latest()).id });

async function restic(...argv: string[]): Promise<string> {
  const env = {
    RESTIC_PASSWORD: await engine.repositories.reveal("main"),
    RESTIC_CACHE_DIR: path.join(places, "cache"),
  };
  return (await run(["restic", "-r", place(), ...argv], { env })).stdout;
}

const launched = (container = {}) => launchKept(engine, runtime, container);

test("one that runs is halted for it, restic reads its files, and a new one of them is what it was", async () => {
  await launched();
  await succeeded(engine, backUp());
  expect(await latest()).toMatchObject({ consistency: "paused", instance: { name: "web" } });
  expect(runtime.paused.size).toBe(0);
  expect(await restic("check", "--read-data")).toContain("no errors were found");
  expect(await restic("dump", "latest", "/rootfs/etc/motd")).toBe("hello\n");
  expect(await restic("dump", "latest", "/volumes/data/rows")).toBe("1,2,3\n");
  const definition = await restic("dump", "latest", "/instance.json");
  expect(JSON.parse(definition)).toMatchObject({
    kind: "container",
    env: ["TOKEN"],
    volumes: [{ name: "data" }],
  });
  expect(definition).not.toContain("canary-4711");

  const restored = await succeeded(
    engine,
    engine.backups.restore(await one(), "again", signal(), { env: { TOKEN: "new" } }),
  );
  expect(restored.warnings ?? []).toEqual([]);
  const id = idOf("again");
  const held = runtime.trees.get(id);
  const root = await filesIn(held?.root ?? Buffer.alloc(0));
  expect(root.get("etc/motd")).toMatchObject({ body: "hello\n", header: { mode: 0o640, uid: 7 } });
  expect(root.get("etc/link")?.header).toMatchObject({ type: "symlink", linkname: "/etc/motd" });
  const names = ["large", "again"].map((name) => root.get(name));
  expect(names.some((file) => file?.body === LARGE.toString("latin1"))).toBe(true);
  expect(names.some((file) => file?.header.type === "link")).toBe(true);
  expect(root.has("data/of-the-image")).toBe(false);
  expect(root.get("data")?.header).toMatchObject({ mode: 0o700, uid: 70 });
  const volume = `data-${id.slice(0, 8)}`;
  expect(held?.volumes).toMatchObject([{ name: volume, target: "/data" }]);
  expect((await filesIn(held?.volumes[0]?.tar ?? Buffer.alloc(0))).get("rows")?.body).toBe("1,2,3\n");
  expect(held?.image).toEqual({ Cmd: ["serve"], Labels: { a: "b" } });
  expect(engine.instances.get("again")).toMatchObject({
    ...{ state: "stopped", labels: { a: "b" } },
    container: {
      command: ["serve"],
      env: ["TOKEN"],
      volumes: [{ name: volume, target: "/data", readOnly: true }],
    },
  });
  await succeeded(engine, engine.instances.start("again"));
});

test("of one that rests, of one that its user has paused, and of one that cannot be halted, that is said", async () => {
  await launched();
  await succeeded(engine, engine.instances.pause("web"));
  await succeeded(engine, backUp());
  expect((await latest()).consistency).toBe("paused");
  expect(runtime.paused.has(idOf("web"))).toBe(true);
  await succeeded(engine, engine.instances.unpause("web"));
  runtime.cannotHalt = true;
  await succeeded(engine, backUp());
  expect((await latest()).consistency).toBe("live");
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, backUp());
  expect((await latest()).consistency).toBe("offline");
});

test("the next one adds what has changed", async () => {
  await launched();
  await succeeded(engine, backUp());
  await succeeded(engine, backUp());
  const [first, second] = (await engine.backups.list({}, signal())).items;
  expect(first?.addedBytes).toBeGreaterThan(LARGE.length);
  expect(second?.addedBytes).toBeLessThan(10_000);
  expect(second?.sizeBytes).toBeGreaterThan(2 * LARGE.length);
});

test("what concerns the host is not taken over, and what is missing is told", async () => {
  await launched({ privileged: true, capAdd: ["NET_ADMIN"], networks: ["team"] });
  await succeeded(engine, backUp());
  const { warnings = [] } = await succeeded(engine, engine.backups.restore(await one(), "again", signal()));
  expect(warnings.join("\n")).toMatch(/its privileges; the capabilities NET_ADMIN; the networks team/);
  expect(warnings.join("\n")).toContain("give TOKEN by --env");
  const { container } = engine.instances.get("again");
  for (const key of ["privileged", "capAdd", "networks"]) expect(container).not.toHaveProperty(key);
});

test("where there is no room for its files, nothing is made, and files that no image can hold come beside it", async () => {
  await launched();
  const held = runtime.trees.get(idOf("web"));
  if (!held) throw new Error("it holds something");
  const odd = await tarOf([
    { name: "a", body: Buffer.from("x") },
    { name: ".wh.a", body: Buffer.from("y") },
  ]);
  runtime.trees.set(idOf("web"), { ...held, root: odd });
  await succeeded(engine, backUp());
  runtime.place = "/proc"; // There is never any.
  const failed = await ended(engine, engine.backups.restore(await one(), "again", signal()));
  expect(failed.error).toMatchObject({ code: "no-resources" });
  expect(failed.error?.message).toMatch(/^cannot restore again: .* needed, 0B free in \/proc$/);
  expect(runtime.images.size).toBe(0);
  runtime.place = undefined;
  await succeeded(engine, engine.backups.restore(await one(), "again", signal()));
  const made = runtime.trees.get(idOf("again"));
  expect([...(await filesIn(made?.root ?? Buffer.alloc(0))).keys()]).not.toContain(".wh.a");
  expect((await filesIn(made?.unlayered ?? Buffer.alloc(0))).get(".wh.a")?.body).toBe("y");
});

async function filesOf(backup: OneBackup): Promise<Sftp> {
  const stream = await engine.backups.files(backup, signal());
  const { promise: exited } = deferred<never>();
  return Sftp.on({ stdin: stream, stdout: stream, exited, close: () => stream.destroy() });
}

test("single files are read from the repository itself, volumes in their places, and nothing is written", async () => {
  await launched();
  await succeeded(engine, backUp());
  const sftp = await filesOf(await one());
  const files = await filesOfBackup(new GuestFiles(sftp));
  expect((await files.list("/")).map(([name]) => name).sort()).toEqual(["again", "data", "etc", "large"]);
  expect(await files.list("/data")).toMatchObject([["rows", { kind: "file", size: 6 }]]);
  expect((await files.read("/data/rows")).toString()).toBe("1,2,3\n");
  expect((await files.read("/etc/link")).toString()).toBe("hello\n");
  expect((await files.read("/large")).equals(LARGE)).toBe(true);
  await expect(files.stat("/data/of-the-image")).rejects.toThrow("/data/of-the-image");
  const volume = await filesOfBackup(new GuestFiles(sftp), "data");
  expect((await volume.list("/")).map(([name]) => name)).toEqual(["rows"]);
  await expect(filesOfBackup(new GuestFiles(sftp), "other")).rejects.toThrow("no such volume");

  const packing = { sftp, onSkipped: () => {} };
  const packed = await filesIn(await buffer(packTree(packing, await files.real("/"), ".")));
  expect([...packed.keys()].sort()).toEqual(
    [...["./again", "./data", "./data/rows", "./etc", "./etc/link", "./etc/motd", "./large"], "."].sort(),
  );
  expect(packed.get("./etc/motd")).toMatchObject({ body: "hello\n", header: { mode: 0o640, uid: 7 } });
  expect(packed.get("./large")?.body).toBe(LARGE.toString("latin1"));
  const own = new GuestFiles(sftp);
  const target = await files.real("/etc/motd");
  const may = { create: true, overwrite: true };
  await expect(own.write(target, Buffer.from("x"), may)).rejects.toMatchObject({ kind: "no-permission" });
  await expect(own.remove(target, { recursive: false })).rejects.toMatchObject({ kind: "no-permission" });
  sftp.close();
});

test("files that lead out are refused, whoever has made them, and no backup is there then", async () => {
  await launched();
  const held = runtime.trees.get(idOf("web"));
  if (!held) throw new Error("it holds something");
  runtime.trees.set(idOf("web"), {
    ...held,
    root: await tarOf([{ name: "a/../../b", body: Buffer.from("x") }]),
  });
  const failed = await ended(engine, backUp());
  expect(failed).toMatchObject({ status: "failed", error: { code: "driver-failed" } });
  expect(failed.error?.message).toContain("leads out of it");
  runtime.trees.set(idOf("web"), { ...held, root: held.root.subarray(0, 700_000) });
  expect((await ended(engine, backUp())).error?.message).toContain("it ends too early");
  expect((await engine.backups.list({}, signal())).items).toEqual([]);
  expect(runtime.paused.size).toBe(0);
});
