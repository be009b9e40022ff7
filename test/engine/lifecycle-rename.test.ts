/** Renaming instances, over the real engine and the fake driver. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = await FakeWorld.make();
});

afterEach(async () => {
  await world.dispose();
});

async function withWeb(): Promise<EngineCore> {
  const engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web" }));
  return engine;
}

const names = (engine: EngineCore) => engine.instances.list().map(({ name }) => name);

describe("a rename", () => {
  test("of a running instance changes its name, its seed and its guest's hostname, and lasts", async () => {
    const engine = await withWeb();
    const { id } = engine.instances.get("web");
    const operation = await succeeded(engine, engine.instances.rename("web", "shop"));
    expect(operation).toMatchObject({ kind: "rename", target: "web", warnings: [] });
    expect(engine.instances.get("shop")).toMatchObject({ id, state: "running", ready: true });
    expect(() => engine.instances.get("web")).toThrow("does not exist");
    expect(await readFile(path.join(world.paths.instances, id, "seed.fake"), "utf8")).toBe("shop");
    expect(world.host.commands).toEqual([expect.stringMatching(/^web: sudo -n sh -c .* sh web shop$/s)]);
    await world.close(engine);
    const next = await world.open();
    expect(next.instances.get("shop")).toMatchObject({ id, state: "running" });
    expect(names(next)).toEqual(["shop"]);
  });

  test("of a stopped one leaves the guest for its next boot", async () => {
    const engine = await withWeb();
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    const { warnings } = await succeeded(engine, engine.instances.rename("web", "shop"));
    expect(warnings).toEqual([]);
    expect(world.host.commands).toEqual([]);
    await succeeded(engine, engine.instances.start("shop"));
  });

  test("frees the old name", async () => {
    const engine = await withWeb();
    await succeeded(engine, engine.instances.rename("web", "shop"));
    await succeeded(engine, engine.instances.launch({ name: "web" }));
    expect(names(engine)).toEqual(["shop", "web"]);
  });

  test("of a deleted one makes room for another", async () => {
    const engine = await withWeb();
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await succeeded(engine, engine.instances.rename("web", "old-web"));
    expect(engine.instances.get("old-web").state).toBe("deleted");
  });

  test("to its own name changes nothing", async () => {
    const engine = await withWeb();
    await succeeded(engine, engine.instances.rename("web", "web"));
    expect(names(engine)).toEqual(["web"]);
  });

  test.each([
    ["-web", "invalid-argument", "cannot rename web: Invalid instance name supplied: -web"],
    ["db", "already-exists", 'cannot rename web: instance "db" already exists'],
  ])("to %s is refused", async (to, code, message) => {
    const engine = await withWeb();
    await succeeded(engine, engine.instances.launch({ name: "db" }));
    await expect(engine.instances.rename("web", to)).rejects.toMatchObject({ code, message });
    expect(names(engine)).toEqual(["db", "web"]);
  });

  test("is refused while something else is under way", async () => {
    const engine = await withWeb();
    world.host.knobs.stop = "never";
    const stop = await engine.instances.stop("web", { force: false });
    await expect(engine.instances.rename("web", "shop")).rejects.toMatchObject({ code: "busy" });
    engine.operations.cancel(stop.id);
    await ended(engine, stop);
  });

  test("holds the new name from the moment it is accepted", async () => {
    const engine = await withWeb();
    const renaming = engine.instances.rename("web", "shop");
    await expect(engine.instances.launch({ name: "shop" })).rejects.toMatchObject({ code: "already-exists" });
    await succeeded(engine, renaming);
    expect(names(engine)).toEqual(["shop"]);
  });

  test("that cannot be written leaves the name as it was, and both names usable", async () => {
    const engine = await withWeb();
    const files = await import("../../src/engine/store/instance-files.ts");
    const write = files.InstanceFiles.prototype.writeDescriptor;
    files.InstanceFiles.prototype.writeDescriptor = () => Promise.reject(new Error("no room"));
    try {
      expect(await ended(engine, engine.instances.rename("web", "shop"))).toMatchObject({ status: "failed" });
    } finally {
      files.InstanceFiles.prototype.writeDescriptor = write;
    }
    expect(names(engine)).toEqual(["web"]);
    await succeeded(engine, engine.instances.launch({ name: "shop" }));
    expect(names(engine)).toEqual(["shop", "web"]);
  });
});

test("a rename ends well, whenever the engine dies", async () => {
  const scenario: Scenario = {
    name: "rename",
    prepare: async (engine) => {
      await succeeded(engine, engine.instances.launch({ name: "web" }));
    },
    act: (engine) => engine.instances.rename("web", "shop"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(names(engine)).toEqual(["shop"]);
    },
  };
  let deaths = 0;
  for (let at = 0; await dieAndRecover(world, scenario, at); at += 1) {
    deaths += 1;
    await world.dispose();
    world = await FakeWorld.make();
  }
  expect(deaths).toBeGreaterThan(3);
});
