/**
 * The engine dies at every durable step of every verb, before and after the step's effect; the next engine over the
 * same directories ends what was journaled, under the same id, and shows nothing half-made.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import {
  dieAndRecover,
  mortal,
  nothingHalfMade,
  type Scenario,
  settled,
  stateOf,
} from "../support/mortal.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = await FakeWorld.make();
});

afterEach(async () => {
  await world.dispose();
});

const launchWeb = async (engine: EngineCore) => {
  await succeeded(engine, engine.instances.launch({ name: "web" }));
};

const SCENARIOS: Scenario[] = [
  {
    name: "launch",
    prepare: async () => {},
    act: (engine) => engine.instances.launch({ name: "web", userData: "#cloud-config\n" }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    },
  },
  {
    name: "a launch that fails",
    prepare: async () => {
      world.host.knobs.start = new Error("no room");
    },
    act: (engine) => engine.instances.launch({ name: "web" }),
    expected: (engine, operation) => {
      expect(operation).toMatchObject({ status: "failed" });
      expect(operation.error?.message).toContain("no room");
      expect(stateOf(engine)).toBeUndefined();
      expect(world.host.guests.size).toBe(0);
    },
  },
  {
    name: "stop",
    prepare: launchWeb,
    act: (engine) => engine.instances.stop("web", { force: false }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
      expect(world.host.guests.size).toBe(0);
    },
  },
  {
    name: "start",
    prepare: async (engine) => {
      await launchWeb(engine);
      await succeeded(engine, engine.instances.stop("web", { force: true }));
    },
    act: (engine) => engine.instances.start("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    },
  },
  {
    name: "restart",
    prepare: launchWeb,
    act: (engine) => engine.instances.restart("web"),
    expected: (engine, operation, firstBoot) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true });
      expect(world.host.named("web")?.bootId).not.toBe(firstBoot);
      expect(world.host.calls.filter((call) => call.startsWith("stop"))).toHaveLength(1);
    },
  },
  {
    name: "delete",
    prepare: launchWeb,
    act: (engine) => engine.instances.delete("web", { purge: false }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "deleted" });
      expect(world.host.guests.size).toBe(0);
    },
  },
  {
    name: "delete with purge",
    prepare: launchWeb,
    act: (engine) => engine.instances.delete("web", { purge: true }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(stateOf(engine)).toBeUndefined();
    },
  },
  {
    name: "recover",
    prepare: async (engine) => {
      await launchWeb(engine);
      await succeeded(engine, engine.instances.delete("web", { purge: false }));
    },
    act: (engine) => engine.instances.recover("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });
    },
  },
  {
    name: "purge",
    prepare: async (engine) => {
      await launchWeb(engine);
      await succeeded(engine, engine.instances.delete("web", { purge: false }));
    },
    act: (engine) => engine.instances.purge("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(stateOf(engine)).toBeUndefined();
    },
  },
];

describe.each(SCENARIOS)("$name", (scenario) => {
  test("ends well, whenever the engine dies", async () => {
    let deaths = 0;
    for (let at = 0; ; at += 1) {
      if (!(await dieAndRecover(world, scenario, at))) break;
      deaths += 1;
      await world.dispose();
      world = await FakeWorld.make();
    }
    expect(deaths).toBeGreaterThan(3);
  });
});

describe("a launch that is cancelled", () => {
  test("stays cancelled when the engine dies while it is taken back", async () => {
    for (let at = 0; at < 60; at += 1) {
      world.host.knobs.ready = "never";
      await world.close(await world.open());
      const { engine, crash, bury } = await mortal(world, at);
      const launch = engine.instances.launch({ name: "web" }).catch(() => undefined);
      await Promise.race([world.host.reached("ready", "web"), crash.died]);
      const operation = await Promise.race([launch, crash.died.then(() => undefined)]);
      if (operation && !crash.dead) {
        try {
          engine.operations.cancel(operation.id);
        } catch {
          // Died in the middle of it.
        }
        await Promise.race([ended(engine, operation), crash.died]);
      }
      await new Promise((resolve) => setImmediate(resolve));
      bury();
      delete world.host.knobs.ready;
      const undone = crash.passed.includes("after store.undoOperation");
      const next = await world.open();
      for (const one of next.operations.list()) await ended(next, one);
      await settled(next);
      if (undone && operation) {
        expect(next.operations.get(operation.id).status).toBe("cancelled");
        expect(next.instances.list()).toEqual([]);
      }
      await nothingHalfMade(world, next, crash.passed.at(-1) ?? "");
      await world.dispose();
      world = await FakeWorld.make();
      if (!crash.dead) return;
    }
    throw new Error("the engine never outlived the launch");
  });
});

describe("the host is switched off", () => {
  test("what ran is shown as stopped, with the reason, until it is started", async () => {
    const first = await world.open();
    await launchWeb(first);
    await world.close(first);
    world.host.reboot();
    const second = await world.open();
    expect(second.instances.get("web")).toMatchObject({ state: "stopped", ready: false });
    expect(second.instances.get("web").problems).toMatchObject([{ code: "ended-unseen" }]);
    await world.close(second);
    const third = await world.open();
    expect(third.instances.get("web").problems).toMatchObject([{ code: "ended-unseen" }]);
    await succeeded(third, third.instances.start("web"));
    expect(third.instances.get("web").problems).toEqual([]);
  });

  test.each(SCENARIOS.filter(({ name }) => ["launch", "start", "restart", "stop"].includes(name)))(
    "in the middle of $name",
    async (scenario) => {
      for (let at = 0; at < 60; at += 1) {
        const first = await world.open();
        await scenario.prepare(first);
        await world.close(first);
        const { engine, crash, bury } = await mortal(world, at);
        const acting = scenario.act(engine).then(
          (operation) => ended(engine, operation),
          () => {},
        );
        await Promise.race([acting, crash.died]);
        await new Promise((resolve) => setImmediate(resolve));
        bury();
        world.host.reboot();
        const next = await world.open();
        for (const one of next.operations.list()) {
          if (one.status === "running") await succeeded(next, one);
        }
        await settled(next);
        await nothingHalfMade(world, next, crash.passed.at(-1) ?? "");
        await world.dispose();
        world = await FakeWorld.make();
        if (!crash.dead) return;
      }
    },
  );
});

describe("adoption", () => {
  test("keeps what runs, with the same boot, ready again without being asked", async () => {
    const first = await world.open();
    await launchWeb(first);
    const boot = world.host.named("web")?.bootId;
    await world.close(first);
    const second = await world.open();
    expect(second.instances.get("web").state).toBe("running");
    await settled(second);
    expect(second.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    expect(world.host.named("web")?.bootId).toBe(boot);
    expect(second.idle).toBe(true);
  });

  test("what does not answer is unknown; a forced stop clears it", async () => {
    const first = await world.open();
    await launchWeb(first);
    await world.close(first);
    world.host.knobs.attach = new Error("QMP is silent");
    const second = await world.open();
    expect(second.instances.get("web")).toMatchObject({ state: "unknown" });
    await expect(second.instances.start("web")).rejects.toThrow("whether it runs is not known");
    expect((await ended(second, second.instances.stop("web", { force: false }))).status).toBe("failed");
    expect(second.instances.get("web").state).toBe("unknown");
    await succeeded(second, second.instances.stop("web", { force: true }));
    expect(second.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
    expect(world.host.guests.size).toBe(0);
  });

  test("an engine that is closed in the middle of a launch leaves it to the next one", async () => {
    world.host.knobs.ready = "never";
    const first = await world.open();
    const operation = await first.instances.launch({ name: "web" });
    await world.host.reached("ready", "web");
    const boot = world.host.named("web")?.bootId;
    await world.close(first);
    delete world.host.knobs.ready;
    const second = await world.open();
    expect(second.operations.get(operation.id).status).toBe("running");
    await succeeded(second, operation);
    expect(second.instances.get("web")).toMatchObject({ state: "running", ready: true });
    expect(world.host.named("web")?.bootId).toBe(boot);
  });

  test("a forced stop that was cutting a launch short still wins in the next engine", async () => {
    world.host.knobs.ready = "never";
    const first = await world.open();
    const launch = await first.instances.launch({ name: "web" });
    await world.host.reached("ready", "web");
    const stop = await first.instances.stop("web", { force: true });
    await world.close(first);
    delete world.host.knobs.ready;
    const second = await world.open();
    await ended(second, launch);
    await succeeded(second, stop);
    expect(second.instances.get("web")).toMatchObject({ state: "stopped" });
    expect(world.host.guests.size).toBe(0);
    await succeeded(second, second.instances.start("web"));
  });
});
