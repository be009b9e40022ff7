/** Snapshots over the engine's real API and a fake driver: what each verb does, and what each failure leaves. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EngineError } from "../../src/base/errors.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web", cpus: 2 }));
  await succeeded(engine, engine.instances.stop("web", { force: false }));
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const disk = () => path.join(world.paths.instances, engine.instances.get("web").id, "disk.fake");
const take = (name?: string, comment = "") =>
  succeeded(engine, engine.snapshots.take("web", { name, comment }));
const names = () => engine.snapshots.list("web").map((one) => one.name);

test("a snapshot keeps the disk and the sizes; a restore brings both back", async () => {
  await writeFile(disk(), "first");
  const operation = await take(undefined, "the first");
  expect(operation).toMatchObject({ kind: "snapshot", target: "web.snapshot1" });
  expect(engine.snapshots.list()).toMatchObject([
    { name: "snapshot1", instance: "web", comment: "the first", cpus: 2, current: true, children: [] },
  ]);
  expect(engine.instances.get("web").snapshotCount).toBe(1);
  await writeFile(disk(), "second");
  const restored = await succeeded(
    engine,
    engine.snapshots.restore("web", "snapshot1", { destructive: true }),
  );
  expect(restored).toMatchObject({ kind: "restore", target: "web.snapshot1" });
  expect(await readFile(disk(), "utf8")).toBe("first");
  expect(names()).toEqual(["snapshot1"]);
});

test("unless that is declined, a restore keeps what was", async () => {
  await take("clean");
  await writeFile(disk(), "dirty");
  await succeeded(engine, engine.snapshots.restore("web", "clean", { destructive: false }));
  const kept = engine.snapshots.list("web").find((one) => one.name !== "clean");
  expect(kept).toMatchObject({ comment: "Before restoring clean", parent: "clean", current: false });
  await succeeded(engine, engine.snapshots.restore("web", kept?.name ?? "", { destructive: true }));
  expect(await readFile(disk(), "utf8")).toBe("dirty");
});

const GIB = 2 ** 30;
const grow = (gib: number) => succeeded(engine, engine.instances.update("web", { diskBytes: gib * GIB }));

test("before its disk grows it is kept, and comes back with the size that it had", async () => {
  await writeFile(disk(), "first");
  await grow(8);
  expect(engine.snapshots.list("web")).toMatchObject([
    {
      name: "before-resize-1",
      before: "resize",
      diskBytes: 5 * GIB,
      comment: "Before its disk grew to 8GiB",
    },
  ]);
  await writeFile(disk(), "second");
  await succeeded(engine, engine.snapshots.restore("web", "before-resize-1", { destructive: true }));
  expect(await readFile(disk(), "utf8")).toBe("first");
  expect(engine.instances.get("web").diskBytes).toBe(5 * GIB);
});

test("nothing is taken before what no guest answers by changing its file systems", async () => {
  await succeeded(engine, engine.instances.update("web", { cpus: 3 }));
  await succeeded(engine, engine.disks.add("web", { name: "data", sizeBytes: GIB }));
  await succeeded(engine, engine.disks.resize("web", "data", 2 * GIB));
  expect(names()).toEqual([]);
});

test("nothing is taken by itself where it is asked not to", async () => {
  await succeeded(engine, engine.instances.update("web", { diskBytes: 8 * GIB }, { snapshot: false }));
  expect(names()).toEqual([]);
});

test("nothing is taken by itself where the setting says so", async () => {
  engine.settings.set({ "snapshots.before-risky": false });
  await grow(8);
  expect(names()).toEqual([]);
});

test("one that is asked for as an automatic one is among those of which the last ten stay", async () => {
  for (let n = 0; n < 11; n += 1)
    await succeeded(engine, engine.snapshots.take("web", { comment: "", before: "up" }));
  expect(names()).toHaveLength(10);
  expect(names()[0]).toBe("before-up-2");
});

test("ten automatic ones stay; one that the user has given a comment is the user's", async () => {
  await take("mine");
  await grow(8);
  await succeeded(engine, engine.snapshots.update("web", "before-resize-1", { comment: "good" }));
  for (let gib = 9; gib < 20; gib += 1) await grow(gib);
  const kept = names();
  expect(kept).toHaveLength(12);
  expect(kept.slice(0, 3)).toEqual(["mine", "before-resize-1", "before-resize-3"]);
});

test("a restore can keep what was for a while only, and is undone by restoring that", async () => {
  await take("clean");
  await writeFile(disk(), "dirty");
  await succeeded(engine, engine.snapshots.restore("web", "clean", { destructive: false, automatic: true }));
  expect(engine.snapshots.list("web").at(-1)).toMatchObject({ name: "before-restore-1", before: "restore" });
  await succeeded(
    engine,
    engine.snapshots.restore("web", "before-restore-1", { destructive: false, automatic: true }),
  );
  expect(await readFile(disk(), "utf8")).toBe("dirty");
});

test("one from the middle goes, its child stands on its parent", async () => {
  for (const name of ["a", "b", "c"]) await take(name);
  await succeeded(engine, engine.snapshots.remove("web", "b"));
  expect(engine.snapshots.list("web").map(({ name, parent }) => [name, parent])).toEqual([
    ["a", undefined],
    ["c", "a"],
  ]);
});

test("names and comments change, whatever the instance does", async () => {
  await take("a");
  await succeeded(engine, engine.instances.start("web"));
  await succeeded(engine, engine.snapshots.update("web", "a", { name: "b", comment: "better" }));
  expect(engine.snapshots.list("web")).toMatchObject([{ name: "b", comment: "better" }]);
});

test("what cannot be is refused, and changes nothing", async () => {
  await take("a");
  await take("b");
  const refused: [Promise<unknown>, string, RegExp][] = [
    [
      engine.snapshots.take("web", { name: "a", comment: "" }),
      "already-exists",
      /Snapshot already exists: web\.a/,
    ],
    [engine.snapshots.update("web", "a", { name: "b" }), "already-exists", /Snapshot already exists: web\.b/],
    [engine.snapshots.restore("web", "x", { destructive: true }), "not-found", /No such snapshot: web\.x/],
    [engine.snapshots.remove("web", "x"), "not-found", /No such snapshot: web\.x/],
    [engine.snapshots.take("nosuch", { comment: "" }), "not-found", /instance "nosuch" does not exist/],
  ];
  for (const [promise, code, words] of refused)
    await expect(promise).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
  await succeeded(engine, engine.instances.start("web"));
  for (const promise of [
    engine.snapshots.take("web", { comment: "" }),
    engine.snapshots.restore("web", "a", { destructive: true }),
    engine.snapshots.remove("web", "a"),
  ])
    await expect(promise).rejects.toMatchObject({
      code: "wrong-state",
      message: expect.stringMatching(/running/),
    });
  await succeeded(engine, engine.instances.delete("web", { purge: false }));
  await expect(engine.snapshots.take("web", { comment: "" })).rejects.toMatchObject({ code: "wrong-state" });
  expect(names()).toEqual(["a", "b"]);
});

test("one that fails leaves the tree and the instance as they were", async () => {
  await take("a");
  world.host.knobs.snapshot = new EngineError("driver-failed", "cannot do it: no space");
  expect(await ended(engine, engine.snapshots.take("web", { name: "b", comment: "" }))).toMatchObject({
    status: "failed",
    error: { code: "driver-failed" },
  });
  expect(await ended(engine, engine.snapshots.restore("web", "a", { destructive: false }))).toMatchObject({
    status: "failed",
  });
  expect(names()).toEqual(["a"]);
  expect(engine.instances.get("web").state).toBe("stopped");
  expect(engine.instances.get("web").operation).toBeUndefined();
});

test("one that is cancelled leaves nothing", async () => {
  world.host.knobs.snapshot = "never";
  const operation = await engine.snapshots.take("web", { comment: "" });
  await world.host.reached("snapshot", "web");
  engine.operations.cancel(operation.id);
  expect((await ended(engine, operation)).status).toBe("cancelled");
  expect(names()).toEqual([]);
});

test.each(["take", "restore", "remove"] as const)(
  "an engine that dies in a %s is followed by one that ends it",
  async (verb) => {
    await writeFile(disk(), "first");
    await take("a");
    await writeFile(disk(), "second");
    const step = { take: "snapshot", restore: "restore", remove: "remove-snapshot" } as const;
    world.host.knobs[step[verb]] = "never";
    const operation = await {
      take: () => engine.snapshots.take("web", { name: "b", comment: "" }),
      restore: () => engine.snapshots.restore("web", "a", { destructive: true }),
      remove: () => engine.snapshots.remove("web", "a"),
    }[verb]();
    await world.host.reached(step[verb], "web");
    await world.close(engine);
    delete world.host.knobs[step[verb]];
    engine = await world.open();
    expect((await ended(engine, operation)).status).toBe("succeeded");
    expect(names()).toEqual({ take: ["a", "b"], restore: ["a"], remove: [] }[verb]);
    expect(await readFile(disk(), "utf8")).toBe(verb === "restore" ? "first" : "second");
  },
);

test("another engine finds the tree again", async () => {
  await take("a", "kept");
  await take("b");
  await world.close(engine);
  engine = await world.open();
  expect(engine.snapshots.list("web")).toMatchObject([
    { name: "a", comment: "kept", children: ["b"] },
    { name: "b", parent: "a", current: true },
  ]);
});
