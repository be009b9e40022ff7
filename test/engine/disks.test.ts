/** Extra disks over the engine's real API and a fake driver: what each verb does, and what each failure leaves. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NewDisk } from "../../src/api/disk.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

const GIB = 2 ** 30;
let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const launch = (disks: NewDisk[] = []) => succeeded(engine, engine.instances.launch({ name: "web", disks }));
const stop = () => succeeded(engine, engine.instances.stop("web", { force: true }));
const disks = () => engine.disks.list("web");
const names = async () => (await disks()).map((one) => (one.removedAt ? `(${one.name})` : one.name));
const add = (wanted: NewDisk) => succeeded(engine, engine.disks.add("web", wanted));
const remove = (name: string, force = false) =>
  succeeded(engine, engine.disks.remove("web", name, { force }));
const idOf = async (name: string) => (await disks()).find((one) => one.name === name)?.id ?? "";
const fileOf = async (name: string) =>
  path.join(world.paths.instances, engine.instances.get("web").id, `extra-${await idOf(name)}.fake`);
const guestHas = async (name: string) => world.host.named("web")?.plugged.has(await idOf(name));

test("a launch makes the disks that it asks for, and each start gives them to the guest", async () => {
  await launch([{ sizeBytes: GIB }, { name: "disk2", sizeBytes: 2 * GIB }, { sizeBytes: 1_000_000_001 }]);
  expect(await disks()).toMatchObject([
    { name: "disk1", sizeBytes: GIB, snapshots: [] },
    { name: "disk2", sizeBytes: 2 * GIB },
    // QEMU knows whole sectors only.
    { name: "disk3", sizeBytes: 1_000_000_512, allocatedBytes: 5 },
  ]);
  expect(await guestHas("disk3")).toBe(true);
  await world.close(engine);
  engine = await world.open();
  expect(await names()).toEqual(["disk1", "disk2", "disk3"]);
  expect(engine.instances.get("web").disks).toHaveLength(3);
});

describe("a stopped instance", () => {
  beforeEach(async () => {
    await launch([{ name: "data", sizeBytes: GIB }]);
    await stop();
  });

  test("gets, enlarges, loses and regains disks; only a purge deletes", async () => {
    await writeFile(await fileOf("data"), "precious");
    const added = await add({ name: "more", sizeBytes: GIB });
    expect(added).toMatchObject({ kind: "add-disk", target: "web.more" });
    await succeeded(engine, engine.disks.resize("web", "data", 3 * GIB));
    expect(world.host.calls).toContain(`resize-disk web.data ${3 * GIB}`);
    await remove("data");
    expect(await names()).toEqual(["(data)", "more"]);
    expect(await readFile(await fileOf("data"), "utf8")).toBe("precious");
    await succeeded(engine, engine.instances.start("web"));
    expect(await guestHas("data")).toBe(false);
    expect(await guestHas("more")).toBe(true);
    await stop();
    await succeeded(engine, engine.disks.recover("web", "data"));
    expect(await disks()).toMatchObject([{ name: "data", sizeBytes: 3 * GIB }, { name: "more" }]);
    await remove("data");
    const file = await fileOf("data");
    await succeeded(engine, engine.disks.purge("web", "data"));
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await names()).toEqual(["more"]);
  });

  test("refuses what cannot be, and stays as it was", async () => {
    const before = await disks();
    const refused: [() => Promise<unknown>, string, RegExp][] = [
      [() => engine.disks.add("web", {}), "invalid-argument", /its size is missing/],
      [
        () => engine.disks.add("web", { name: "Data", sizeBytes: GIB }),
        "invalid-argument",
        /not a valid name/,
      ],
      [() => engine.disks.add("web", { name: "data", sizeBytes: GIB }), "already-exists", /has a disk data/],
      [() => engine.disks.add("web", { sizeBytes: 1 }), "invalid-argument", /sizeBytes/],
      [() => engine.disks.add("web", { sizeBytes: 2 ** 45 }), "no-resources", /free on this host/],
      [() => engine.disks.add("web", { source: "x.qcow2" }), "invalid-argument", /not absolute/],
      [() => engine.disks.add("web", { source: "/nonesuch" }), "invalid-argument", /no such file/],
      [() => engine.disks.add("nobody", { sizeBytes: GIB }), "not-found", /does not exist/],
      [() => engine.disks.resize("web", "data", GIB / 2), "invalid-argument", /only be enlarged/],
      [() => engine.disks.resize("web", "none", GIB), "not-found", /no such disk/],
      [() => engine.disks.remove("web", "none", { force: false }), "not-found", /no such disk/],
      [() => engine.disks.recover("web", "data"), "not-found", /was not removed/],
      [() => engine.disks.purge("web", "data"), "not-found", /was not removed/],
    ];
    for (const [asked, code, message] of refused) {
      await expect(asked()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await disks()).toEqual(before);
  });

  test("has room for eight", async () => {
    for (let n = 1; n < 8; n += 1) await add({ sizeBytes: GIB });
    await expect(engine.disks.add("web", { sizeBytes: GIB })).rejects.toMatchObject({
      code: "no-resources",
      message: "cannot add a disk to web: it can have 8 beside its first one",
    });
    await remove("disk3");
    await add({ name: "eighth", sizeBytes: GIB });
    await expect(engine.disks.recover("web", "disk3")).rejects.toMatchObject({ code: "no-resources" });
  });

  test("of two removed disks of one name, one is named by its id", async () => {
    const first = await idOf("data");
    await remove("data");
    await add({ name: "data", sizeBytes: GIB });
    await remove("data");
    await expect(engine.disks.recover("web", "data")).rejects.toMatchObject({
      code: "invalid-argument",
      hint: expect.stringContaining(first),
    });
    await succeeded(engine, engine.disks.recover("web", first));
    await expect(engine.disks.recover("web", await idOf("data"))).rejects.toMatchObject({
      code: "not-found",
    });
    expect((await names()).sort()).toEqual(["(data)", "data"]);
  });

  test("is kept with its disks by a snapshot; a restore brings those back, and loses none", async () => {
    await writeFile(await fileOf("data"), "first");
    await succeeded(engine, engine.snapshots.take("web", { name: "one", comment: "" }));
    expect(await disks()).toMatchObject([{ name: "data", snapshots: ["one"] }]);
    await writeFile(await fileOf("data"), "second");
    await remove("data");
    await expect(engine.disks.purge("web", "data")).rejects.toMatchObject({
      code: "busy",
      message: "cannot purge web.data: the snapshots one hold it",
    });
    await add({ name: "later", sizeBytes: GIB });
    await succeeded(engine, engine.snapshots.restore("web", "one", { destructive: true }));
    expect(await names()).toEqual(["data", "(later)"]);
    expect(await readFile(await fileOf("data"), "utf8")).toBe("first");
    await succeeded(engine, engine.snapshots.remove("web", "one"));
    await remove("data");
    await succeeded(engine, engine.disks.purge("web", "data"));
  });

  test("is cloned with its disks", async () => {
    await writeFile(await fileOf("data"), "precious");
    await succeeded(engine, engine.instances.clone("web", "copy"));
    const copy = engine.instances.get("copy");
    expect(copy.disks).toMatchObject([{ name: "data" }]);
    const file = path.join(world.paths.instances, copy.id, `extra-${copy.disks[0]?.id}.fake`);
    expect(await readFile(file, "utf8")).toBe("precious");
  });

  test("a failed addition leaves nothing", async () => {
    world.host.knobs["create-disk"] = new Error("no room");
    expect(await ended(engine, engine.disks.add("web", { sizeBytes: GIB }))).toMatchObject({
      status: "failed",
    });
    expect(await names()).toEqual(["data"]);
    expect(world.host.calls.at(-1)).toBe("purge-disk web.disk1");
  });
});

describe("a running instance", () => {
  beforeEach(() => launch([{ name: "data", sizeBytes: GIB }]));

  test("gets and loses disks at once", async () => {
    await add({ name: "hot", sizeBytes: GIB });
    expect(await guestHas("hot")).toBe(true);
    await succeeded(engine, engine.disks.resize("web", "hot", 2 * GIB));
    expect(world.host.calls).toContain(`hot-resize web.hot ${2 * GIB}`);
    await remove("hot", true);
    expect(await guestHas("hot")).toBe(false);
    await succeeded(engine, engine.disks.recover("web", "hot"));
    expect(await guestHas("hot")).toBe(true);
  });

  test("keeps a disk that its guest does not let go of, or cannot be asked about", async () => {
    world.host.named("web")?.keeps.add("data");
    expect(await ended(engine, engine.disks.remove("web", "data", { force: true }))).toMatchObject({
      status: "failed",
      error: { code: "timed-out" },
    });
    expect(await names()).toEqual(["data"]);
    expect(await guestHas("data")).toBe(true);
  });

  test("stays as it was when a disk cannot be plugged in", async () => {
    world.host.knobs["attach-disk"] = new Error("no port");
    expect(await ended(engine, engine.disks.add("web", { sizeBytes: GIB }))).toMatchObject({
      status: "failed",
    });
    expect(await names()).toEqual(["data"]);
    expect(world.host.calls.at(-1)).toBe("purge-disk web.disk1");
  });
});

test("a suspended instance keeps the hardware that its memory fits", async () => {
  await launch([{ name: "data", sizeBytes: GIB }]);
  await succeeded(engine, engine.instances.suspend("web"));
  for (const asked of [
    engine.disks.add("web", { sizeBytes: GIB }),
    engine.disks.remove("web", "data", { force: true }),
    engine.disks.resize("web", "data", 2 * GIB),
  ])
    await expect(asked).rejects.toMatchObject({ code: "wrong-state" });
});

const hasDisk = (core: EngineCore) =>
  core.instances.get("web").disks.filter(({ removedAt }) => removedAt === undefined).length;

const prepare = async (core: EngineCore) => {
  await succeeded(core, core.instances.launch({ name: "web", disks: [{ name: "data", sizeBytes: GIB }] }));
};

const SCENARIOS: Scenario[] = [
  {
    name: "adding a disk",
    prepare,
    act: (core) => core.disks.add("web", { name: "more", sizeBytes: GIB }),
    expected: (core, { status }) => expect([status, hasDisk(core)]).toEqual(["succeeded", 2]),
  },
  {
    name: "removing a disk",
    prepare,
    act: (core) => core.disks.remove("web", "data", { force: true }),
    expected: (core, { status }) => expect([status, hasDisk(core)]).toEqual(["succeeded", 0]),
  },
];

test.each(SCENARIOS)("$name survives an engine that dies at any point", async (scenario) => {
  for (let at = 1; ; at += 1) {
    await world.dispose();
    world = await FakeWorld.make();
    if (!(await dieAndRecover(world, scenario, at))) break;
    expect(at).toBeLessThan(50);
  }
});
