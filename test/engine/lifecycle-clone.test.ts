/** Cloning stopped instances, over the real engine and the fake driver. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { generateLogin } from "../../src/engine/guest/keys.ts";
import { InstanceFiles } from "../../src/engine/store/instance-files.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = await FakeWorld.make();
});

afterEach(async () => {
  await world.dispose();
});

const stoppedWeb = async (engine: EngineCore) => {
  await succeeded(engine, engine.instances.launch({ name: "web", cpus: 2, userData: "#cloud-config\n{}\n" }));
  await succeeded(engine, engine.instances.stop("web", { force: true }));
};
const names = (engine: EngineCore) => engine.instances.list().map(({ name }) => name);

async function withStopped(): Promise<EngineCore> {
  const engine = await world.open({ makeLogin: generateLogin });
  await stoppedWeb(engine);
  return engine;
}

describe("a clone", () => {
  test("is another instance with the same disk, sizes and user-data", async () => {
    const engine = await withStopped();
    const operation = await succeeded(engine, engine.instances.clone("web", undefined));
    expect(operation).toMatchObject({ kind: "clone", target: "web-clone1" });
    const [web, clone] = [engine.instances.get("web"), engine.instances.get("web-clone1")];
    expect(clone).toMatchObject({ state: "stopped", cpus: 2, image: web.image, snapshotCount: 0 });
    for (const key of ["id", "mac", "address"] as const) expect(clone[key]).not.toBe(web[key]);
    expect(web.operation).toBeUndefined();

    const files = new InstanceFiles(world.paths);
    const [own, other] = [await files.readSecrets(web.id), await files.readSecrets(clone.id)];
    expect(other?.userData).toBe(own?.userData);
    expect(other?.login.host.publicKey).not.toBe(own?.login.host.publicKey);
    expect(other?.login.client.publicKey).not.toBe(own?.login.client.publicKey);
    const disk = (id: string) => readFile(path.join(world.paths.instances, id, "disk.fake"), "utf8");
    expect(await disk(clone.id)).toBe(await disk(web.id));

    await succeeded(engine, engine.instances.start("web-clone1"));
    await succeeded(engine, engine.instances.start("web"));
    await world.close(engine);
    expect(names(await world.open())).toEqual(["web", "web-clone1"]);
  });

  test("of a clone remembers every key that its disk lets in", async () => {
    const engine = await withStopped();
    await succeeded(engine, engine.instances.clone("web", "two"));
    await succeeded(engine, engine.instances.clone("two", "three"));
    const files = new InstanceFiles(world.paths);
    const keyOf = async (name: string) =>
      (await files.readSecrets(engine.instances.get(name).id))?.login.client.publicKey.trim();
    const found = await files.scan();
    const three = found.find(({ descriptor }) => descriptor?.name === "three");
    expect(three?.descriptor?.clonedFrom).toEqual({
      id: engine.instances.get("two").id,
      keys: [await keyOf("web"), await keyOf("two")],
    });
  });

  test("gets the first free number", async () => {
    const engine = await withStopped();
    await succeeded(engine, engine.instances.clone("web", undefined));
    await succeeded(engine, engine.instances.clone("web", undefined));
    expect(names(engine)).toEqual(["web", "web-clone1", "web-clone2"]);
  });

  test("carries no snapshots", async () => {
    const engine = await withStopped();
    await succeeded(engine, engine.snapshots.take("web", { comment: "" }));
    await succeeded(engine, engine.instances.clone("web", "copy"));
    expect(engine.instances.get("web").snapshotCount).toBe(1);
    expect(engine.instances.get("copy").snapshotCount).toBe(0);
  });

  test("of a running instance is refused", async () => {
    const engine = await withStopped();
    await succeeded(engine, engine.instances.start("web"));
    await expect(engine.instances.clone("web", undefined)).rejects.toMatchObject({
      code: "wrong-state",
      message: "cannot clone web: it is running",
    });
  });

  test.each([
    ["web", "already-exists", 'cannot clone web: instance "web" already exists'],
    ["we_b", "invalid-argument", "cannot clone web: Invalid instance name supplied: we_b"],
  ])("named %s is refused", async (as, code, message) => {
    const engine = await withStopped();
    await expect(engine.instances.clone("web", as)).rejects.toMatchObject({ code, message });
    expect(names(engine)).toEqual(["web"]);
  });

  test("keeps its source from being started, and its name from being taken", async () => {
    const engine = await withStopped();
    world.host.knobs.clone = "never";
    const operation = await engine.instances.clone("web", "copy");
    await world.host.reached("clone", "copy");
    await expect(engine.instances.start("web")).rejects.toMatchObject({ code: "busy" });
    await expect(engine.instances.start("copy")).rejects.toMatchObject({ code: "busy" });
    await expect(engine.instances.launch({ name: "copy" })).rejects.toMatchObject({ code: "already-exists" });
    expect(engine.instances.get("web").operation).toBe(operation.id);
    engine.operations.cancel(operation.id);
    expect((await ended(engine, operation)).status).toBe("cancelled");
    await succeeded(engine, engine.instances.start("web"));
  });

  test("that fails or is cancelled leaves nothing", async () => {
    const engine = await withStopped();
    world.host.knobs.clone = new Error("no room");
    const failed = await ended(engine, engine.instances.clone("web", "copy"));
    expect(failed).toMatchObject({ status: "failed" });
    expect(failed.error?.message).toContain("no room");
    world.host.knobs.clone = "never";
    const operation = await engine.instances.clone("web", "copy");
    await world.host.reached("clone", "copy");
    engine.operations.cancel(operation.id);
    expect((await ended(engine, operation)).status).toBe("cancelled");
    expect(names(engine)).toEqual(["web"]);
    expect((await world.leftovers()).instances).toHaveLength(1);
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
  });
});

const SCENARIOS: Scenario[] = [
  {
    name: "clone",
    prepare: stoppedWeb,
    act: (engine) => engine.instances.clone("web", "copy"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("copy")).toMatchObject({ state: "stopped", problems: [] });
    },
  },
  {
    name: "a clone that fails",
    prepare: async (engine) => {
      await stoppedWeb(engine);
      world.host.knobs.clone = new Error("no room");
    },
    act: (engine) => engine.instances.clone("web", "copy"),
    expected: (engine, operation) => {
      expect(operation).toMatchObject({ status: "failed" });
      expect(names(engine)).toEqual(["web"]);
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
  expect(deaths).toBeGreaterThan(3);
});
