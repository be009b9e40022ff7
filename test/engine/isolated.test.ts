/** Instances that reach nothing: what the engine keeps of that, and what it tells the driver. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
});

afterEach(async () => {
  await world.dispose();
});

test("an instance is isolated from its launch on, and so are its clones, whichever engine tells", async () => {
  await succeeded(engine, engine.instances.launch({ name: "open" }));
  await succeeded(engine, engine.instances.launch({ name: "box", network: "isolated" }));
  await succeeded(engine, engine.instances.stop("box", { force: true }));
  await succeeded(engine, engine.instances.clone("box", "copy"));
  const modes = () => engine.instances.list().map(({ name, network }) => [name, network]);
  const expected = [
    ["box", "isolated"],
    ["copy", "isolated"],
    ["open", "default"],
  ];
  expect(modes()).toEqual(expected);
  await engine.close();
  engine = await world.open();
  expect(modes()).toEqual(expected);
});

test("a mode that does not exist is refused", async () => {
  await expect(engine.instances.launch({ name: "box", network: "none" as "isolated" })).rejects.toMatchObject(
    { code: "invalid-argument", message: expect.stringContaining("network") },
  );
  expect(engine.instances.list()).toEqual([]);
});
