/** Suspending and resuming, over the real engine and the fake driver. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngineError } from "../../src/base/errors.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario, settled } from "../support/mortal.ts";

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
const suspendWeb = async (engine: EngineCore) => {
  await launchWeb(engine);
  await succeeded(engine, engine.instances.suspend("web"));
};
const bootId = () => world.host.named("web")?.bootId;

async function withSuspended(): Promise<{ engine: EngineCore; boot: string | undefined }> {
  const engine = await world.open();
  await launchWeb(engine);
  const boot = bootId();
  await succeeded(engine, engine.instances.suspend("web"));
  return { engine, boot };
}

describe("a suspended instance", () => {
  test("runs nowhere, and goes on in the same boot with its clock set", async () => {
    const { engine, boot } = await withSuspended();
    expect(engine.instances.get("web")).toMatchObject({ state: "suspended", ready: false, problems: [] });
    expect(world.host.guests.size).toBe(0);
    await succeeded(engine, engine.instances.start("web"));
    expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    expect(bootId()).toBe(boot);
    const setClock = expect.stringMatching(/^web: sudo -n date -u -s @\d+$/);
    expect(world.host.commands).toEqual(["web: sync", setClock]);
  });

  test("stays suspended across engines, a restart of the host, and the loss of the index", async () => {
    const { engine, boot } = await withSuspended();
    await world.close(engine);
    world.host.reboot();
    const { rm } = await import("node:fs/promises");
    await rm(world.paths.database);
    const next = await world.open();
    expect(next.instances.get("web")).toMatchObject({ state: "suspended", problems: [] });
    await succeeded(next, next.instances.start("web"));
    expect(bootId()).toBe(boot);
  });

  test("stays suspended when it cannot be resumed, and can be booted anew", async () => {
    const { engine, boot } = await withSuspended();
    world.host.knobs.start = new EngineError(
      "wrong-state",
      "cannot resume web: it was suspended by QEMU 6.2.0",
      {
        hint: "berth start --cold web",
      },
    );
    expect(await ended(engine, engine.instances.start("web"))).toMatchObject({
      status: "failed",
      error: { code: "wrong-state", hint: "berth start --cold web" },
    });
    expect(engine.instances.get("web")).toMatchObject({
      state: "suspended",
      problems: [{ code: "start-failed" }],
    });
    delete world.host.knobs.start;
    await succeeded(engine, engine.instances.start("web", { cold: true }));
    expect(engine.instances.get("web")).toMatchObject({ state: "running", problems: [] });
    expect(bootId()).not.toBe(boot);
  });

  test("is left alone by a stop, and loses its memory by a forced one", async () => {
    const { engine, boot } = await withSuspended();
    await succeeded(engine, engine.instances.stop("web", { force: false }));
    expect(engine.instances.get("web").state).toBe("suspended");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect(engine.instances.get("web").state).toBe("stopped");
    await succeeded(engine, engine.instances.start("web"));
    expect(bootId()).not.toBe(boot);
  });

  test("comes out of the trash suspended", async () => {
    const { engine, boot } = await withSuspended();
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await world.close(engine);
    const next = await world.open();
    expect(next.instances.get("web").state).toBe("deleted");
    await succeeded(next, next.instances.recover("web"));
    expect(next.instances.get("web").state).toBe("suspended");
    await succeeded(next, next.instances.start("web"));
    expect(bootId()).toBe(boot);
  });

  test("can be renamed, and neither cloned nor changed", async () => {
    const { engine } = await withSuspended();
    for (const refused of [
      engine.instances.clone("web", undefined),
      engine.instances.update("web", { cpus: 2 }),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: "wrong-state" });
    }
    await succeeded(engine, engine.instances.rename("web", "shop"));
    expect(engine.instances.get("shop").state).toBe("suspended");
  });

  test("is suspended already", async () => {
    const { engine } = await withSuspended();
    await succeeded(engine, engine.instances.suspend("web"));
    expect(world.host.calls.filter((call) => call.startsWith("suspend"))).toHaveLength(1);
  });
});

describe("a suspend", () => {
  test("of what does not run is refused", async () => {
    const engine = await world.open();
    await launchWeb(engine);
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    await expect(engine.instances.suspend("web")).rejects.toMatchObject({
      code: "wrong-state",
      message: "cannot suspend web: it is not running",
    });
  });

  test("that fails or is called off leaves the guest running", async () => {
    const engine = await world.open();
    await launchWeb(engine);
    const boot = bootId();
    world.host.knobs.suspend = new EngineError("driver-failed", "cannot suspend web: a 9p mount is in use");
    expect(await ended(engine, engine.instances.suspend("web"))).toMatchObject({ status: "failed" });
    expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true });
    world.host.knobs.suspend = "never";
    const operation = await engine.instances.suspend("web");
    await world.host.reached("suspend", "web");
    expect(engine.instances.get("web").state).toBe("suspending");
    engine.operations.cancel(operation.id);
    expect((await ended(engine, operation)).status).toBe("cancelled");
    expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true });
    expect(bootId()).toBe(boot);
  });

  test("is cut short by a forced stop", async () => {
    const engine = await world.open();
    await launchWeb(engine);
    world.host.knobs.suspend = "never";
    const operation = await engine.instances.suspend("web");
    await world.host.reached("suspend", "web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect((await ended(engine, operation)).status).toBe("cancelled");
    expect(engine.instances.get("web").state).toBe("stopped");
  });

  test("that an engine leaves in the middle is ended by the next one", async () => {
    const engine = await world.open();
    await launchWeb(engine);
    world.host.knobs.suspend = "never";
    const operation = await engine.instances.suspend("web");
    await world.host.reached("suspend", "web");
    await world.close(engine);
    delete world.host.knobs.suspend;
    const next = await world.open();
    await succeeded(next, operation);
    expect(next.instances.get("web").state).toBe("suspended");
  });

  test("that ended with the host tells so", async () => {
    const engine = await world.open();
    await launchWeb(engine);
    world.host.knobs.suspend = "never";
    const operation = await engine.instances.suspend("web");
    await world.host.reached("suspend", "web");
    await world.close(engine);
    world.host.reboot();
    const next = await world.open();
    expect((await ended(next, operation)).error?.message).toContain("before its memory was kept");
    expect(next.instances.get("web").state).toBe("stopped");
  });
});

test("a resume cannot be called off, for that would end what was kept", async () => {
  const { engine, boot } = await withSuspended();
  world.host.knobs.ready = "never";
  const operation = await engine.instances.start("web");
  await instanceBecomes(engine, "web", ({ state }) => state === "starting");
  await world.host.reached("ready", "web");
  expect(() => engine.operations.cancel(operation.id)).toThrow("past the point of return");
  await world.close(engine);
  delete world.host.knobs.ready;
  const next = await world.open();
  await succeeded(next, operation);
  expect(bootId()).toBe(boot);
});

const SCENARIOS: Scenario[] = [
  {
    name: "suspend",
    prepare: launchWeb,
    act: (engine) => engine.instances.suspend("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "suspended", problems: [] });
    },
  },
  {
    name: "resume",
    prepare: suspendWeb,
    act: (engine) => engine.instances.start("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true, problems: [] });
    },
  },
  {
    name: "a cold start of a suspended instance",
    prepare: suspendWeb,
    act: (engine) => engine.instances.start("web", { cold: true }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true });
    },
  },
  {
    name: "a forced stop of a suspended instance",
    prepare: suspendWeb,
    act: (engine) => engine.instances.stop("web", { force: true }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web").state).toBe("stopped");
    },
  },
];

test.each(SCENARIOS)("$name ends well, whenever the engine dies", async (scenario) => {
  let deaths = 0;
  for (let at = 0; await dieAndRecover(world, scenario, at); at += 1) {
    deaths += 1;
    await world.dispose();
    world = await FakeWorld.make();
  }
  expect(deaths).toBeGreaterThan(2);
});

test("a suspended boot survives every death of the engine that resumes it", async () => {
  for (let at = 0; at < 40; at += 1) {
    const { engine, boot } = await withSuspended();
    await world.close(engine);
    const { mortal } = await import("../support/mortal.ts");
    const { engine: dying, crash, bury } = await mortal(world, at);
    const acting = dying.instances.start("web").then(
      (operation) => ended(dying, operation),
      () => {},
    );
    await Promise.race([acting, crash.died]);
    await new Promise((resolve) => setImmediate(resolve));
    bury();
    const next = await world.open();
    for (const one of next.operations.list()) await ended(next, one);
    await settled(next);
    if (next.instances.get("web").state === "suspended") await succeeded(next, next.instances.start("web"));
    expect(bootId(), crash.passed.at(-1)).toBe(boot);
    await world.dispose();
    world = await FakeWorld.make();
    if (!crash.dead) return;
  }
});
