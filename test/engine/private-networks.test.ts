/** Networks between instances: who is in one exists for its members alone, by frames and by names; and changes of that. */
import packet from "dns-packet";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LaunchSpec } from "../../src/api/instance.ts";
import type { NetworkMode } from "../../src/api/network-mode.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { parseAddress, subnetAround } from "../../src/engine/networks/addresses.ts";
import { BROADCAST, macOf, readIpv4, udpFrame } from "../../src/engine/networks/packets.ts";
import { serviceOf } from "../../src/engine/networks/switch.ts";
import { lanSocketOf } from "../support/fake-driver.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeNic } from "../support/fake-nic.ts";

let world: FakeWorld;
let engine: EngineCore;
const nics = new Map<string, FakeNic>();

beforeEach(async () => {
  world = await FakeWorld.make();
  world.host.withLan = true;
  engine = await world.open();
});
afterEach(async () => {
  for (const nic of nics.values()) nic.close();
  nics.clear();
  await world.dispose();
});

/** With a NIC on whichever network it is in; nobody need be connected to that. */
async function launch(name: string, network: NetworkMode, more: LaunchSpec = {}): Promise<FakeNic> {
  await succeeded(engine, engine.instances.launch({ name, network, ...more }));
  const { id } = engine.instances.get(name);
  const nic = await FakeNic.listen(lanSocketOf({ id, runDirectory: world.paths.run }));
  nics.set(name, nic);
  return nic;
}

const station = (name: string) => {
  const { mac, address } = engine.instances.get(name);
  return { mac: macOf(mac), address: parseAddress(address) };
};
const everybody = { mac: BROADCAST, address: 0xffff_ffff };
const datagram = (from: string, to: { mac: number; address: number }, word: string) =>
  udpFrame({ ...station(from), port: 1 }, { ...to, port: 2 }, Buffer.from(word));
const saying = (word: string) => (frame: Buffer) => frame.includes(word);

/** Who hears what the one says to each of the others and to all, when those who shall have heard it. */
async function heardFrom(from: string, expected: readonly string[]): Promise<string[]> {
  const word = `${from} ${Math.random()}`;
  const others = [...nics.keys()].filter((name) => name !== from);
  nics
    .get(from)
    ?.send(datagram(from, everybody, word), ...others.map((name) => datagram(from, station(name), word)));
  for (const name of expected) await nics.get(name)?.receive(saying(word));
  return others.filter((name) => nics.get(name)?.received.some(saying(word)));
}

async function answerTo(from: string, name: string): Promise<unknown[]> {
  const nic = nics.get(from) as FakeNic;
  const service = serviceOf(subnetAround(engine.instances.get(from).address));
  const port = 4000 + nic.received.length;
  const query = packet.encode({ type: "query", id: 7, questions: [{ type: "A", name }] });
  nic.send(udpFrame({ ...station(from), port }, { ...service, port: 53 }, query));
  const frame = await nic.receive((one) => readIpv4(one)?.udp?.toPort === port);
  const { answers = [] } = packet.decode(readIpv4(frame)?.udp?.payload ?? Buffer.alloc(0));
  return answers.map((one) => "data" in one && one.data);
}

test("each network is alone: what is said in one is heard in no other, and no name is known there", async () => {
  engine.privateNetworks.create("red");
  engine.privateNetworks.create("blue");
  for (const [name, mode] of [
    ...([
      ["a", "private:red"],
      ["b", "private:red"],
      ["c", "private:blue"],
      ["d", "private:blue"],
    ] as const),
    ...([
      ["e", "default"],
      ["f", "default"],
      ["g", "nat"],
      ["h", "nat"],
    ] as const),
  ] as const)
    await launch(name, mode);
  for (const name of "abcdef") await nics.get(name)?.connected();
  expect(await heardFrom("a", ["b"])).toEqual(["b"]);
  expect(await heardFrom("d", ["c"])).toEqual(["c"]);
  expect(await heardFrom("e", ["f"])).toEqual(["f"]);
  // The switch never comes to those who have a way out alone.
  expect([nics.get("g")?.connections, nics.get("h")?.connections]).toEqual([0, 0]);
  expect(await answerTo("a", "b.berth")).toEqual([engine.instances.get("b").address]);
  for (const stranger of ["c.berth", "e.berth", "g"]) expect(await answerTo("a", stranger)).toEqual([]);
  const hosts = (name: string) =>
    world.host.commands.findLast((one) => one.startsWith(`${name}: sudo`) && one.includes("/etc/hosts")) ??
    "";
  await expect.poll(() => hosts("a")).toContain(" b.berth b ");
  expect(hosts("a")).not.toContain(" c.berth ");
  expect(world.host.commands.filter((one) => one.startsWith("g: ") && one.includes(" h.berth "))).toEqual([]);
});

test("a network is of one project: of the same name, in the same mode, those of others are not in it", async () => {
  engine.privateNetworks.create("red");
  await launch("a", "private:red");
  await launch("b", "private:red", { project: "ops" });
  await launch("c", "private:red", { project: "ops" });
  await launch("d", "default");
  await launch("e", "default", { project: "ops" });
  for (const name of "abcde") await nics.get(name)?.connected();
  expect(await heardFrom("b", ["c"])).toEqual(["c"]);
  expect([await heardFrom("a", []), await heardFrom("d", []), await heardFrom("e", [])]).toEqual([
    [],
    [],
    [],
  ]);
  expect(await answerTo("a", "b.berth")).toEqual([]);
});

test("a change holds at once where the guest's hypervisor can, and in the network that it left nobody hears it", async () => {
  engine.privateNetworks.create("red");
  await launch("a", "private:red");
  await launch("b", "private:red");
  await launch("c", "default");
  for (const name of "abc") await nics.get(name)?.connected();
  await succeeded(engine, engine.reach.change("b", "default"));
  expect(engine.instances.get("b")).not.toHaveProperty("networkNow");
  await expect.poll(() => nics.get("b")?.connections).toBe(2);
  expect(await heardFrom("b", ["c"])).toEqual(["c"]);
  expect(await heardFrom("a", [])).toEqual([]);
  await succeeded(engine, engine.reach.change("c", "isolated"));
  expect(await heardFrom("b", [])).toEqual([]);
});

test("where it cannot, the guest stays in what it is in, is in nothing else, and that is told", async () => {
  world.host.changesNetworks = false;
  engine.privateNetworks.create("red");
  await launch("a", "private:red");
  await launch("b", "default");
  await launch("c", "default");
  for (const name of "abc") await nics.get(name)?.connected();
  const { warnings } = await succeeded(engine, engine.reach.change("b", "private:red"));
  expect(warnings).toEqual([
    "the change waits for the next start of b: until then it still reaches what this host does",
  ]);
  expect(engine.instances.get("b")).toMatchObject({ network: "private:red", networkNow: "default" });
  expect(await heardFrom("b", ["c"])).toEqual(["c"]);
  await world.close(engine);
  engine = await world.open();
  expect(engine.instances.get("b")).toMatchObject({ network: "private:red", networkNow: "default" });
  nics.get("b")?.close();
  nics.delete("b");
  await succeeded(engine, engine.instances.restart("b"));
  expect(engine.instances.get("b")).toMatchObject({ network: "private:red" });
  expect(engine.instances.get("b")).not.toHaveProperty("networkNow");
});

test("a network is made once, is there for whoever names it, and goes when nobody is in it, the trash included", async () => {
  const refused = (reason: string) => expect.objectContaining({ message: expect.stringContaining(reason) });
  await expect(engine.instances.launch({ name: "a", network: "private:red" })).rejects.toEqual(
    refused("there is no network red"),
  );
  expect(engine.privateNetworks.create("red")).toEqual({ name: "red", instances: [] });
  expect(() => engine.privateNetworks.create("red")).toThrow("it exists");
  await succeeded(engine, engine.instances.launch({ name: "a", network: "private:red" }));
  await expect(engine.reach.change("a", "private:blue")).rejects.toEqual(refused("there is no network blue"));
  await succeeded(engine, engine.instances.delete("a", { purge: false }));
  await expect(engine.privateNetworks.delete("red")).rejects.toEqual(refused("a is in it"));
  await world.close(engine);
  engine = await world.open();
  expect(engine.privateNetworks.list()).toEqual([{ name: "red", instances: ["a"] }]);
  await succeeded(engine, engine.instances.purge("a"));
  await engine.privateNetworks.delete("red");
  expect(engine.privateNetworks.list()).toEqual([]);
  expect(() => engine.privateNetworks.get("red")).toThrow("there is none of that name");
});

test("what a mode cannot be is refused: NICs on the host's networks, guests without cloud-init, suspended ones", async () => {
  engine.privateNetworks.create("red");
  world.host.networks.set("br0", "good");
  const red = { name: "a", network: "private:red" } as const;
  await expect(
    engine.instances.launch({ ...red, networks: [{ network: "br0", mode: "auto" }] }),
  ).rejects.toMatchObject({ message: expect.stringContaining("in a private network has no NICs") });
  await expect(engine.instances.launch({ ...red, guest: "windows" })).rejects.toMatchObject({
    message: expect.stringContaining("cannot be in a private network"),
  });
  await succeeded(engine, engine.instances.launch({ name: "b" }));
  await succeeded(engine, engine.instances.suspend("b"));
  await expect(engine.reach.change("b", "nat")).rejects.toMatchObject({ code: "wrong-state" });
});

test("a test shows what a guest saw beside what its mode promises", async () => {
  engine.privateNetworks.create("red");
  await launch("a", "private:red");
  await launch("b", "private:red");
  await launch("c", "default");
  const signal = AbortSignal.timeout(30_000);
  const test = async (seen: string) => {
    world.host.prints.set("/dev/tcp/", seen);
    const { mode, probes } = await engine.reach.test("a", "192.0.2.77:1", signal);
    expect(mode).toBe("private:red");
    const shown = probes.filter(({ kind }) => kind !== "host-address");
    return shown.map(({ kind, target, found, verdict }) => [kind, target, found, verdict].join(" "));
  };
  const loopback = "host-loopback this host's 127.0.0.1, by the guest's gateways not-reached ok";
  // Numbers go by where this host has an address that others know, or has none.
  const { probes } = await engine.reach.test("a", undefined, signal);
  const at = probes.findIndex(({ kind }) => kind === "internet");
  const lines = (...seen: string[]) => seen.map((one, n) => `${at + n} ${one}`).join("\n");
  expect(await test(`0 said not the word\n${lines("nothing", "said SSH-2.0-x", "nothing")}`)).toEqual([
    loopback,
    "internet 192.0.2.77:1 not-reached ok",
    "same-network b reached ok",
    "other-network an instance there not-reached ok",
  ]);
  expect(await test(`0 nothing\n${lines("said x", "nothing", "refused")}`)).toEqual([
    loopback,
    "internet 192.0.2.77:1 reached broken",
    "same-network b not-reached broken",
    "other-network an instance there reached broken",
  ]);
  expect((await test("")).map((line) => line.split(" ").at(-1))).toEqual(Array(4).fill("unknown"));
  await succeeded(engine, engine.instances.stop("a", { force: true }));
  await expect(engine.reach.test("a", undefined, signal)).rejects.toMatchObject({ code: "wrong-state" });
});
