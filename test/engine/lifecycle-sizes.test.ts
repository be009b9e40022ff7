/** Changing the sizes of an instance, over the real engine and the fake driver. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

afterEach(async () => {
  await world.dispose();
});

describe("a stopped instance", () => {
  test("takes new sizes, and keeps them", async () => {
    const change = { cpus: 2, memoryBytes: 2 * GIB, diskBytes: 8 * GIB };
    await succeeded(engine, engine.instances.update("web", change));
    expect(engine.instances.get("web")).toMatchObject({ ...change, state: "stopped" });
    expect(world.host.calls).toContain(`resize web ${8 * GIB}`);
    await world.close(engine);
    engine = await world.open();
    expect(engine.instances.get("web")).toMatchObject(change);
    await succeeded(engine, engine.instances.start("web"));
    expect(world.host.violations).toEqual([]);
  });

  test("keeps what is not named, and its disk where only the others change", async () => {
    await succeeded(engine, engine.instances.update("web", { cpus: 3 }));
    expect(engine.instances.get("web")).toMatchObject({ cpus: 3, memoryBytes: GIB, diskBytes: 5 * GIB });
    expect(world.host.calls.some((call) => call.startsWith("resize"))).toBe(false);
  });

  test("cannot have a smaller disk", async () => {
    await expect(engine.instances.update("web", { diskBytes: 4 * GIB })).rejects.toMatchObject({
      code: "invalid-argument",
      message: "cannot set disk of web: it can only be enlarged",
    });
  });

  test("cannot have more than the host", async () => {
    await expect(engine.instances.update("web", { cpus: 65 })).rejects.toMatchObject({
      code: "no-resources",
      message: "cannot set cpus of web: 65 CPUs asked for, but this host has 64 CPUs",
    });
  });

  test("stays as it was when its disk cannot be enlarged", async () => {
    world.host.knobs.resize = new Error("no room");
    const end = await ended(engine, engine.instances.update("web", { cpus: 2, diskBytes: 8 * GIB }));
    expect(end).toMatchObject({ status: "failed", kind: "update" });
    expect(engine.instances.get("web")).toMatchObject({ cpus: 1, diskBytes: 5 * GIB, state: "stopped" });
  });

  test("gets its sizes from the next engine when this one dies in the middle", async () => {
    world.host.knobs.resize = "never";
    const operation = await engine.instances.update("web", { cpus: 2, diskBytes: 8 * GIB });
    await world.host.reached("resize", "web");
    await world.close(engine);
    delete world.host.knobs.resize;
    engine = await world.open();
    await succeeded(engine, operation);
    expect(engine.instances.get("web")).toMatchObject({ cpus: 2, diskBytes: 8 * GIB, state: "stopped" });
  });
});

test("a running instance must be stopped first", async () => {
  await succeeded(engine, engine.instances.start("web"));
  await expect(engine.instances.update("web", { cpus: 2 })).rejects.toMatchObject({
    code: "wrong-state",
    message: "cannot update web: it is running",
  });
});

test("an unknown one is not found", async () => {
  await expect(engine.instances.update("nope", { cpus: 2 })).rejects.toMatchObject({ code: "not-found" });
});
