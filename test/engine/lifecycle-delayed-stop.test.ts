/** Stops that wait for their time, over the real engine and the fake driver. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

const HOUR = 3_600_000;
let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web" }));
});

afterEach(async () => {
  await world.dispose();
});

const stopLater = (delayMs: number) => engine.instances.stop("web", { force: false, delayMs });
const web = () => engine.instances.get("web");

describe("a delayed stop", () => {
  test("lets the instance run until its time, and tells who is logged in", async () => {
    const operation = await stopLater(80);
    expect(operation).toMatchObject({ kind: "stop", status: "running", cancellable: true });
    expect(web()).toMatchObject({ state: "running", ready: true });
    expect(Date.parse(web().stopAt ?? "")).toBeGreaterThan(Date.now() - 1000);
    expect(web().operation).toBeUndefined();
    await succeeded(engine, operation);
    expect(web()).toMatchObject({ state: "stopped", problems: [] });
    expect(web().stopAt).toBeUndefined();
    expect(world.host.calls).toContain("stop web graceful");
    expect(world.host.commands[0]).toContain("The system is going down for poweroff at");
  });

  test("can be cancelled, by name or by its operation", async () => {
    const first = await stopLater(HOUR);
    expect(await engine.instances.cancelStop("web")).toMatchObject({
      kind: "cancel-stop",
      status: "succeeded",
    });
    expect((await ended(engine, first)).status).toBe("cancelled");
    expect(world.host.commands.at(-1)).toContain("The shutdown has been cancelled.");
    const second = await stopLater(HOUR);
    engine.operations.cancel(second.id);
    expect((await ended(engine, second)).status).toBe("cancelled");
    expect(web().stopAt).toBeUndefined();
    expect(web()).toMatchObject({ state: "running", ready: true });
    await succeeded(engine, engine.instances.cancelStop("web"));
  });

  test("takes the place of an earlier one", async () => {
    const first = await stopLater(HOUR);
    const second = await stopLater(2 * HOUR);
    expect((await ended(engine, first)).status).toBe("cancelled");
    expect(Date.parse(web().stopAt ?? "")).toBeGreaterThan(Date.now() + 1.5 * HOUR);
    expect(engine.operations.get(second.id).status).toBe("running");
  });

  test.each([
    ["stop", () => engine.instances.stop("web", { force: false }), "stopped"],
    ["forced stop", () => engine.instances.stop("web", { force: true }), "stopped"],
    ["restart", () => engine.instances.restart("web"), "running"],
    ["start", () => engine.instances.start("web"), "running"],
    ["suspend", () => engine.instances.suspend("web"), "suspended"],
    ["delete", () => engine.instances.delete("web", { purge: false }), "deleted"],
  ] as const)("is called off by a %s", async (_name, act, state) => {
    const operation = await stopLater(HOUR);
    await succeeded(engine, act());
    expect((await ended(engine, operation)).status).toBe("cancelled");
    expect(web().state).toBe(state);
    expect(web().stopAt).toBeUndefined();
  });

  test("ends with a guest that shuts itself down", async () => {
    const operation = await stopLater(HOUR);
    world.host.end(web().id, { how: "guest-shutdown" });
    expect((await ended(engine, operation)).status).toBe("succeeded");
    expect(web()).toMatchObject({ state: "stopped" });
    expect(web().stopAt).toBeUndefined();
  });

  test("waits for what is under way when its time comes", async () => {
    world.host.knobs.resize = 100;
    const operation = await stopLater(30);
    const renaming = engine.instances.rename("web", "shop");
    await succeeded(engine, renaming);
    await succeeded(engine, operation);
    expect(engine.instances.get("shop").state).toBe("stopped");
  });

  test("goes on in the next engine, at the same time and under the same operation", async () => {
    const operation = await stopLater(400);
    const { stopAt } = web();
    await world.close(engine);
    engine = await world.open();
    expect(web()).toMatchObject({ state: "running", stopAt });
    expect(engine.operations.get(operation.id).status).toBe("running");
    await succeeded(engine, operation);
    expect(web().state).toBe("stopped");
  });

  test("whose time passed while no engine ran happens at once", async () => {
    const operation = await stopLater(HOUR);
    await world.close(engine);
    engine = await world.open({ now: () => new Date(Date.now() + 2 * HOUR) });
    await succeeded(engine, operation);
    expect(web().state).toBe("stopped");
  });

  test("whose guest ended with the host is done", async () => {
    const operation = await stopLater(HOUR);
    await world.close(engine);
    world.host.reboot();
    engine = await world.open();
    await succeeded(engine, operation);
    expect(web().state).toBe("stopped");
  });

  test("keeps the engine from leaving when idle, but not from being replaced", async () => {
    await stopLater(HOUR);
    await instanceBecomes(engine, "web", ({ stopAt }) => stopAt !== undefined);
    expect(engine.idle).toBe(false);
    const drained = new Promise<void>((resolve) => engine.onDidDrain(resolve));
    engine.drain();
    await drained;
    await world.close(engine);
    engine = await world.open();
    expect(web().stopAt).toBeDefined();
  });

  test("of what does not run changes nothing", async () => {
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    await succeeded(engine, stopLater(HOUR));
    expect(web().stopAt).toBeUndefined();
  });

  test("cannot be forced", async () => {
    await expect(engine.instances.stop("web", { force: true, delayMs: 1000 })).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });
});
