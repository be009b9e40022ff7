/** Which instances an engine starts by itself, over the real engine and the fake driver. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AutostartPolicy } from "../../src/api/instance.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let boot: string;

const open = () => world.open({ hostBoot: async () => boot });
const launch = (name: string, autostart?: AutostartPolicy) =>
  succeeded(engine, engine.instances.launch({ name, ...(autostart ? { autostart } : {}) }));
const states = () => Object.fromEntries(engine.instances.list().map(({ name, state }) => [name, state]));

/** The engine leaves, the host boots, the next engine comes and does what it does by itself. */
async function rebooted(): Promise<void> {
  await world.close(engine);
  world.host.reboot();
  boot += "+";
  engine = await open();
  await settled();
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const work = engine.operations.list().filter(({ status }) => status === "running");
  for (const operation of work) await ended(engine, Promise.resolve(operation));
  if (work.length > 0) await settled();
}

beforeEach(async () => {
  world = await FakeWorld.make();
  boot = "first";
  engine = await open();
});

afterEach(async () => {
  await world.dispose();
});

describe("after a boot of the host", () => {
  test("runs what shall run, and what ran where that is to be restored", async () => {
    await launch("off");
    await launch("on", "on");
    await launch("on-stopped", "on");
    await launch("restore", "restore");
    await launch("restore-stopped", "restore");
    for (const name of ["on-stopped", "restore-stopped"])
      await succeeded(engine, engine.instances.stop(name, { force: true }));
    await rebooted();
    expect(states()).toEqual({
      ...{ off: "stopped", on: "running", "on-stopped": "running" },
      ...{ restore: "running", "restore-stopped": "stopped" },
    });
    expect(engine.instances.get("on").problems).toEqual([]);
    expect(world.host.violations).toEqual([]);
  });

  test("an instance in the trash stays there", async () => {
    await launch("web", "on");
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await rebooted();
    expect(states()).toEqual({ web: "deleted" });
  });

  test("one that cannot start is shown as such, and the others start", async () => {
    for (const name of ["a", "b", "c", "d"]) await launch(name, "on");
    world.host.knobsOf.set("a", { start: new Error("no room") });
    await rebooted();
    expect(states()).toEqual({ a: "stopped", b: "running", c: "running", d: "running" });
    expect(engine.instances.get("a").problems).toContainEqual(
      expect.objectContaining({ code: "start-failed" }),
    );
  });

  test("the engine does not wait for them, and two at most start at once", async () => {
    for (const name of ["a", "b", "c"]) await launch(name, "on");
    world.host.knobs.start = "never";
    await world.close(engine);
    world.host.reboot();
    boot = "second";
    engine = await open();
    await world.host.reached("start", "b");
    await instanceBecomes(engine, "b", ({ state }) => state === "starting");
    expect(states()).toEqual({ a: "starting", b: "starting", c: "stopped" });
    // It leaves: the next one goes on with all three.
    await world.close(engine);
    delete world.host.knobs.start;
    engine = await open();
    await settled();
    expect(states()).toEqual({ a: "running", b: "running", c: "running" });
  });
});

describe("while the host stays up", () => {
  test("what a user has stopped stays stopped, whoever comes and goes", async () => {
    await launch("web", "on");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    await world.close(engine);
    engine = await open();
    await settled();
    expect(states()).toEqual({ web: "stopped" });
  });

  test("what ran and has ended meanwhile is started again, where its policy says so", async () => {
    await launch("web", "restore");
    await launch("plain");
    await world.close(engine);
    world.host.reboot();
    engine = await open();
    await settled();
    expect(states()).toEqual({ web: "running", plain: "stopped" });
  });
});

test("the policy of a running instance can be changed, and is kept", async () => {
  await launch("web");
  expect(engine.instances.get("web").autostart).toBe("off");
  await succeeded(engine, engine.instances.update("web", { autostart: "restore" }));
  expect(engine.instances.get("web")).toMatchObject({ autostart: "restore", state: "running" });
  await expect(engine.instances.update("web", { autostart: "on", cpus: 2 })).rejects.toMatchObject({
    code: "wrong-state",
  });
  await world.close(engine);
  engine = await open();
  expect(engine.instances.get("web").autostart).toBe("restore");
});

test("a clone has the policy of its source", async () => {
  await launch("web", "on");
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  await succeeded(engine, engine.instances.clone("web", "copy"));
  expect(engine.instances.get("copy").autostart).toBe("on");
});
