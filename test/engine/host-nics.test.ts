/** NICs on networks of the host, over the real engine and the fake driver. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  world.host.networks.set("br0", "good").set("br1", "good");
  engine = await world.open();
});

afterEach(async () => {
  await world.dispose();
});

const MAC = "52:54:00:4b:ab:cd";
const launch = (name: string, ...networks: { network: string; mode?: "auto" | "manual"; mac?: string }[]) =>
  engine.instances.launch({ name, networks });
const nics = (name: string) => engine.instances.get(name).networks;
const stop = (name: string) => succeeded(engine, engine.instances.stop(name, { force: true }));

describe("a launch", () => {
  test("gives NICs with MACs of their own, as they are asked for or drawn", async () => {
    await succeeded(
      engine,
      launch(
        "web",
        { network: "br0", mac: MAC.toUpperCase() },
        { network: "br0" },
        { network: "br1", mode: "manual" },
      ),
    );
    expect(nics("web")).toMatchObject([
      { network: "br0", mode: "auto", mac: MAC },
      { network: "br0", mode: "auto" },
      { network: "br1", mode: "manual" },
    ]);
    await succeeded(engine, launch("db", { network: "br0" }));
    const macs = engine.instances
      .list()
      .flatMap(({ mac, networks }) => [mac, ...networks.map((one) => one.mac)]);
    expect(new Set(macs).size).toBe(macs.length);
    expect(world.host.seeds.get("web")).toEqual(nics("web"));
  });

  test.each<[string, { network: string; mac?: string }[], string, string]>([
    ["an unknown network", [{ network: "br7" }], "not-found", "this host has no network br7"],
    [
      "bridged, where none is set",
      [{ network: "bridged" }],
      "wrong-state",
      "no network is set that bridged means",
    ],
    ["no MAC", [{ network: "br0", mac: "52:54:00" }], "invalid-argument", "Invalid MAC address: 52:54:00"],
    [
      "a multicast MAC",
      [{ network: "br0", mac: "01:00:5e:00:00:01" }],
      "invalid-argument",
      "means many, not one",
    ],
    ["nobody's MAC", [{ network: "br0", mac: "00:00:00:00:00:00" }], "invalid-argument", "is nobody's"],
    [
      "one MAC twice",
      [
        { network: "br0", mac: MAC },
        { network: "br1", mac: MAC.toUpperCase() },
      ],
      "already-exists",
      "is taken",
    ],
  ])("is refused for %s", async (_case, networks, code, reason) => {
    await expect(launch("web", ...networks)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(reason),
    });
    expect(engine.instances.list()).toEqual([]);
  });

  test("is refused for a MAC that another instance has, in the trash too", async () => {
    await succeeded(engine, launch("web", { network: "br0", mac: MAC }));
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await expect(launch("db", { network: "br0", mac: MAC })).rejects.toMatchObject({
      code: "already-exists",
    });
    await expect(launch("db", { network: "br0", mac: engine.instances.get("web").mac })).rejects.toThrow(
      "is taken",
    );
  });

  test("is refused with what the driver says of the network", async () => {
    world.host.networks.set("br0", {
      ...{ code: "network-unusable", severity: "error", message: "nobody allowed br0" },
      hint: "Allow it.",
    });
    await expect(launch("web", { network: "br0" })).rejects.toMatchObject({
      ...{ code: "missing-dependency", message: "cannot launch web: nobody allowed br0", hint: "Allow it." },
    });
    expect(await engine.instances.check({ networks: [{ network: "br0" }] })).toContainEqual(
      expect.objectContaining({ code: "network-unusable" }),
    );
  });
});

test("an isolated instance has no such NIC", async () => {
  const reason = "an isolated instance has no NICs on networks of this host";
  const networks = [{ network: "br0" }];
  await expect(engine.instances.launch({ network: "isolated", networks })).rejects.toThrow(reason);
  await succeeded(engine, engine.instances.launch({ name: "alone", network: "isolated" }));
  await stop("alone");
  await expect(engine.networks.attach("alone", { network: "br0", mode: "auto" })).rejects.toThrow(reason);
});

describe("an instance", () => {
  beforeEach(async () => {
    engine.settings.set({ "local.bridged-network": "br1" });
    await succeeded(engine, launch("web", { network: "br0" }));
  });

  test("is given NICs, and has them taken away, while it is stopped", async () => {
    const [first] = nics("web");
    await expect(engine.networks.attach("web", { network: "br1", mode: "auto" })).rejects.toMatchObject({
      code: "wrong-state",
      message: "cannot connect web: it is running",
    });
    await stop("web");
    await succeeded(engine, engine.networks.attach("web", { network: "bridged", mode: "manual" }));
    expect(nics("web")).toMatchObject([first, { network: "br1", mode: "manual" }]);
    expect(world.host.seeds.get("web")).toEqual(nics("web"));
    await succeeded(engine, engine.networks.detach("web", first?.mac.toUpperCase() ?? ""));
    expect(nics("web")).toMatchObject([{ network: "br1" }]);
    await expect(engine.networks.detach("web", MAC)).rejects.toMatchObject({ code: "not-found" });
    await expect(engine.networks.attach("web", { network: "br9", mode: "auto" })).rejects.toMatchObject({
      message: "cannot connect web to br9: this host has no network br9",
    });
  });

  test("has at most eight", async () => {
    await stop("web");
    for (let i = 1; i < 8; i += 1)
      await succeeded(engine, engine.networks.attach("web", { network: "br0", mode: "auto" }));
    await expect(engine.networks.attach("web", { network: "br0", mode: "auto" })).rejects.toThrow(
      "at most 8 NICs",
    );
  });

  test("does not start where its network is gone, and stays what it was", async () => {
    await stop("web");
    world.host.networks.delete("br0");
    expect(await ended(engine, engine.instances.start("web"))).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("this host has no network br0 any more") },
    });
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped", networks: [{ network: "br0" }] });
    world.host.networks.set("br0", "good");
    await succeeded(engine, engine.instances.start("web"));
  });

  test("shares its networks with its clone, and not its MACs", async () => {
    await stop("web");
    await succeeded(engine, engine.instances.clone("web", "copy"));
    const [own, others] = [nics("web")[0], nics("copy")[0]];
    expect(others).toMatchObject({ network: "br0", mode: "auto" });
    expect(others?.mac).not.toBe(own?.mac);
  });

  test("keeps them in its own directory", async () => {
    const { id } = engine.instances.get("web");
    const text = await readFile(path.join(world.paths.instances, id, "instance.json"), "utf8");
    expect(text).toContain(`"networks":${JSON.stringify(nics("web"))}`);
  });
});

test("an engine that dies while a NIC is added leaves that to the next one", async () => {
  await world.close(engine);
  const scenario: Scenario = {
    name: "attach",
    prepare: async (first) => {
      world.host.networks.set("br0", "good");
      await succeeded(first, first.instances.launch({ name: "web" }));
      await succeeded(first, first.instances.stop("web", { force: true }));
    },
    act: (second) => second.networks.attach("web", { network: "br0", mode: "auto", mac: MAC }),
    expected: (third, operation) => {
      expect(operation.status).toBe("succeeded");
      const { networks } = third.instances.get("web");
      expect(networks).toEqual([{ network: "br0", mode: "auto", mac: MAC }]);
      expect(world.host.seeds.get("web")).toEqual(networks);
    },
  };
  for (let at = 0; at < 100; at += 1) {
    const died = await dieAndRecover(world, scenario, at);
    await world.dispose();
    world = await FakeWorld.make();
    if (!died) return;
  }
  throw new Error("it never came to its end");
});
