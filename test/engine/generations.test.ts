/** Notes of a guest's writing stop being all there is to know of a disk when something else changes it. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

const GIB = 2 ** 30;
let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web" }));
  await succeeded(engine, engine.instances.stop("web", { force: true }));
});
afterEach(() => world.dispose());

async function generations(name = "web"): Promise<unknown> {
  const file = path.join(world.paths.instances, engine.instances.get(name).id, "instance.json");
  const { instance } = JSON.parse(await readFile(file, "utf8")) as { instance: Record<string, unknown> };
  return instance["generations"];
}

test("a restore, a resize and a clone count up what they change; a run does not", async () => {
  await succeeded(engine, engine.instances.start("web"));
  await succeeded(engine, engine.disks.add("web", { name: "data", sizeBytes: GIB }));
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  await succeeded(engine, engine.snapshots.take("web", { name: "a", comment: "" }));
  expect(await generations()).toBeUndefined();

  const [data] = await engine.disks.list("web");
  await succeeded(engine, engine.disks.resize("web", "data", 2 * GIB));
  expect(await generations()).toEqual({ [data?.id ?? ""]: 1 });
  await succeeded(engine, engine.instances.update("web", { diskBytes: 8 * GIB }));
  await succeeded(engine, engine.snapshots.restore("web", "a", { destructive: true }));
  expect(await generations()).toEqual({ [data?.id ?? ""]: 2, disk: 2 });
  await succeeded(engine, engine.instances.clone("web", "copy"));
  expect(await generations("copy")).toEqual({ [data?.id ?? ""]: 3, disk: 3 });
  expect(await generations()).toEqual({ [data?.id ?? ""]: 2, disk: 2 });
});

test("it is counted before the disk is touched, so that no engine can die in between", async () => {
  world.host.knobs.resize = new Error("no room");
  await ended(engine, engine.instances.update("web", { diskBytes: 8 * GIB }));
  expect(await generations()).toEqual({ disk: 1 });
  await succeeded(engine, engine.snapshots.take("web", { name: "a", comment: "" }));
  world.host.knobs.restore = new Error("no snapshot");
  await ended(engine, engine.snapshots.restore("web", "a", { destructive: true }));
  expect(await generations()).toEqual({ disk: 2 });
});
