/** Availability zones over the real engine and the fake driver. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { contains, parseAddress, parseNetwork } from "../../src/engine/networks/addresses.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
});

afterEach(async () => {
  await world.dispose();
});

const launch = (name: string, zone?: string) =>
  succeeded(engine, engine.instances.launch({ name, ...(zone ? { zone } : {}) }));
const get = (name: string) => engine.instances.get(name);
const states = () => Object.fromEntries(engine.instances.list().map(({ name, state }) => [name, state]));
const disable = (zone: string) => succeeded(engine, engine.zones.disable(zone));
const enable = (zone: string) => succeeded(engine, engine.zones.enable(zone));

describe("a launch", () => {
  test("goes to the zones in turn, or to the one that is asked for", async () => {
    await launch("a");
    await launch("b");
    await launch("c", "zone1");
    await launch("d");
    expect(["a", "b", "c", "d"].map((name) => get(name).zone.name)).toEqual([
      "zone1",
      "zone2",
      "zone1",
      "zone3",
    ]);
    const parts = engine.zones.list().map(({ subnet }) => parseNetwork(subnet));
    const partOf = (name: string) =>
      parts.findIndex((part) => contains(part, parseAddress(get(name).address)));
    expect(["a", "b", "c", "d"].map(partOf)).toEqual([0, 1, 0, 2]);
    await succeeded(engine, engine.instances.stop("b", { force: true }));
    await succeeded(engine, engine.instances.clone("b", "e"));
    expect(get("e")).toMatchObject({ zone: { name: "zone2" } });
    expect(partOf("e")).toBe(1);
  });

  test("is refused where there is no such zone, or none that is available", async () => {
    await expect(engine.instances.launch({ name: "a", zone: "zone9" })).rejects.toMatchObject({
      code: "not-found",
      message: 'cannot launch a: zone "zone9" does not exist',
    });
    await disable("zone2");
    await expect(engine.instances.launch({ name: "a", zone: "zone2" })).rejects.toMatchObject({
      code: "wrong-state",
      message: "cannot launch a: zone2 is disabled",
    });
    expect(await engine.instances.check({ zone: "zone2" })).toContainEqual(
      expect.objectContaining({ code: "zone-unavailable", message: "zone2 is disabled" }),
    );
    await disable("zone1");
    await disable("zone3");
    await expect(engine.instances.launch({ name: "a" })).rejects.toThrow("no zone is available");
    expect(engine.instances.list()).toEqual([]);
  });

  test("that has nothing running yet is taken back when its zone is disabled", async () => {
    world.images.download = "never";
    const launching = await engine.instances.launch({ name: "a", zone: "zone1" });
    await disable("zone1");
    expect(await ended(engine, launching)).toMatchObject({
      status: "failed",
      error: { code: "wrong-state", message: "cannot launch a: its zone, zone1, is disabled" },
    });
    expect(engine.instances.list()).toEqual([]);
    await enable("zone1");
    expect(engine.instances.list()).toEqual([]);
  });
});

describe("disabling a zone", () => {
  test("stops by force what runs there and nothing else; enabling starts that again", async () => {
    await launch("a", "zone1");
    await launch("b", "zone2");
    await launch("stopped", "zone2");
    await succeeded(engine, engine.instances.stop("stopped", { force: false }));
    world.host.calls.length = 0;
    await disable("zone2");
    expect(world.host.calls).toEqual(["stop b force"]);
    expect(states()).toEqual({ a: "running", b: "stopped", stopped: "stopped" });
    expect(get("b")).toMatchObject({
      zone: { name: "zone2", available: false },
      problems: [{ code: "zone-disabled", severity: "info" }],
    });
    expect(get("a").problems).toEqual([]);
    expect(engine.zones.list().map(({ available }) => available)).toEqual([true, false, true]);

    await enable("zone2");
    expect(states()).toEqual({ a: "running", b: "running", stopped: "stopped" });
    expect(get("b")).toMatchObject({ ready: true, problems: [], zone: { available: true } });
  });

  test("nothing there can be used meanwhile, but ended and deleted", async () => {
    await launch("a", "zone1");
    await disable("zone1");
    const refused = { code: "wrong-state", message: expect.stringContaining("its zone, zone1, is disabled") };
    const { instances } = engine;
    await expect(instances.start("a")).rejects.toMatchObject(refused);
    await expect(instances.restart("a")).rejects.toMatchObject(refused);
    await expect(instances.clone("a", "b")).rejects.toMatchObject(refused);
    await expect(instances.rename("a", "b")).rejects.toMatchObject(refused);
    await expect(instances.update("a", { cpus: 2 })).rejects.toMatchObject(refused);
    await expect(engine.snapshots.take("a", { comment: "" })).rejects.toMatchObject(refused);
    expect(() => instances.guest("a")).toThrow(expect.objectContaining(refused));
    await succeeded(engine, instances.stop("a", { force: false }));
    await succeeded(engine, instances.delete("a", { purge: false }));
    await succeeded(engine, instances.recover("a"));
    await succeeded(engine, instances.delete("a", { purge: true }));
    await enable("zone1");
    expect(engine.instances.list()).toEqual([]);
  });

  test("from the moment that it is asked for", async () => {
    await launch("a", "zone1");
    world.host.knobs["force-stop"] = 50;
    const disabling = await engine.zones.disable("zone1");
    expect(() => engine.instances.guest("a")).toThrow("its zone, zone1, is disabled");
    expect((await engine.zones.disable("zone1")).id).toBe(disabling.id);
    await succeeded(engine, disabling);
    expect(await engine.zones.disable("zone1")).toMatchObject({ status: "succeeded" });
    expect(() => engine.operations.cancel(disabling.id)).not.toThrow();
  });

  test("cuts a start short, and enabling starts it again", async () => {
    await launch("a", "zone1");
    await succeeded(engine, engine.instances.stop("a", { force: true }));
    world.host.knobs.ready = "never";
    const starting = await engine.instances.start("a");
    await world.host.reached("ready", "a");
    await disable("zone1");
    expect((await ended(engine, starting)).status).not.toBe("running");
    expect(states()).toEqual({ a: "stopped" });
    delete world.host.knobs.ready;
    await enable("zone1");
    expect(get("a")).toMatchObject({ state: "running", ready: true });
  });

  test("and enabling it in its middle ends well", async () => {
    for (const name of ["a", "b", "c"]) await launch(name, "zone1");
    world.host.knobs["force-stop"] = 30;
    const disabling = await engine.zones.disable("zone1");
    await enable("zone1");
    expect(await ended(engine, disabling)).toMatchObject({ status: "cancelled" });
    expect(states()).toEqual({ a: "running", b: "running", c: "running" });
    expect(world.host.violations).toEqual([]);
  });

  test("a suspended instance keeps its memory and is not woken by itself", async () => {
    await launch("a", "zone1");
    await succeeded(engine, engine.instances.suspend("a"));
    await disable("zone1");
    expect(states()).toEqual({ a: "suspended" });
    await enable("zone1");
    expect(states()).toEqual({ a: "suspended" });
  });

  test("what cannot be stopped is told, and stopped the next time", async () => {
    await launch("a", "zone1");
    await launch("b", "zone1");
    world.host.knobsOf.set("a", { "force-stop": new Error("it hangs") });
    const failed = await ended(engine, engine.zones.disable("zone1"));
    expect(failed).toMatchObject({ status: "failed", error: { code: "driver-failed" } });
    expect(failed.error?.message).toContain("it hangs");
    expect(states()).toEqual({ a: "running", b: "stopped" });
    world.host.knobsOf.delete("a");
    await disable("zone1");
    expect(states()).toEqual({ a: "stopped", b: "stopped" });
    await enable("zone1");
    expect(states()).toEqual({ a: "running", b: "running" });
  });

  test("what cannot be started again is a warning", async () => {
    await launch("a", "zone1");
    await disable("zone1");
    world.host.knobs.start = new Error("no room");
    const { warnings } = await enable("zone1");
    expect(warnings.join()).toContain("no room");
    expect(get("a").problems).toContainEqual(expect.objectContaining({ code: "start-failed" }));
    delete world.host.knobs.start;
    expect(await engine.zones.enable("zone1")).toMatchObject({ status: "succeeded", warnings: [] });
    expect(states()).toEqual({ a: "stopped" });
  });

  test("is an event, and an unknown zone is not found", async () => {
    const ending = new AbortController();
    const seen: string[] = [];
    const listening = (async () => {
      for await (const event of engine.events.subscribe({}, ending.signal)) {
        if (event.type === "zone") seen.push(`${event.zone.name} ${event.zone.available}`);
        if (seen.length === 2) ending.abort();
      }
    })().catch(() => {});
    await disable("zone3");
    await enable("zone3");
    await listening;
    expect(seen).toEqual(["zone3 false", "zone3 true"]);
    await expect(engine.zones.disable("zone4")).rejects.toMatchObject({
      code: "not-found",
      message: 'cannot disable zone4: zone "zone4" does not exist',
    });
  });
});

describe("a later engine", () => {
  test("knows what is disabled, and what ran there", async () => {
    await launch("a", "zone1");
    await disable("zone1");
    await world.close(engine);
    engine = await world.open();
    expect(get("a")).toMatchObject({ state: "stopped", zone: { available: false } });
    await expect(engine.instances.start("a")).rejects.toThrow("is disabled");
    await enable("zone1");
    expect(states()).toEqual({ a: "running" });
  });

  test("leaves what starts by its policy alone in a disabled zone", async () => {
    let boot = "first";
    await world.close(engine);
    engine = await world.open({ hostBoot: async () => boot });
    await succeeded(engine, engine.instances.launch({ name: "a", zone: "zone1", autostart: "on" }));
    await disable("zone1");
    await world.close(engine);
    boot = "second";
    engine = await world.open({ hostBoot: async () => boot });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.operations.list().filter(({ status }) => status === "running")).toEqual([]);
    expect(states()).toEqual({ a: "stopped" });
  });
});

const SCENARIOS: Scenario[] = [
  {
    name: "disable",
    prepare: async (first) => {
      await succeeded(first, first.instances.launch({ name: "web", zone: "zone1" }));
    },
    act: (second) => second.zones.disable("zone1"),
    expected: (third, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(third.zones.list()[0]).toMatchObject({ available: false });
      expect(third.instances.get("web")).toMatchObject({ state: "stopped" });
      expect(world.host.guests.size).toBe(0);
    },
  },
  {
    name: "enable",
    prepare: async (first) => {
      await succeeded(first, first.instances.launch({ name: "web", zone: "zone1" }));
      await succeeded(first, first.zones.disable("zone1"));
    },
    act: (second) => second.zones.enable("zone1"),
    expected: (third, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(third.zones.list()[0]).toMatchObject({ available: true });
      expect(third.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    },
  },
];

describe("an engine that dies in its middle", () => {
  test.each(SCENARIOS)("$name is ended by the next one, under the same id", async (scenario) => {
    await world.close(engine);
    for (let at = 0; at < 200; at += 1) {
      const died = await dieAndRecover(world, scenario, at);
      await world.dispose();
      world = await FakeWorld.make();
      if (!died) return;
    }
    throw new Error(`${scenario.name} never came to its end`);
  });
});
