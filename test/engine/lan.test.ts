/** The engine's network over real sockets and a fake driver: who reaches whom, which names guests know, when it is idle. */
import packet from "dns-packet";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { parseAddress, subnetAround } from "../../src/engine/networks/addresses.ts";
import { LONGEST_FRAME } from "../../src/engine/networks/frames.ts";
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

async function launch(name: string): Promise<FakeNic> {
  await succeeded(engine, engine.instances.launch({ name }));
  const { id } = engine.instances.get(name);
  const nic = await FakeNic.listen(lanSocketOf({ id, runDirectory: world.paths.run }));
  nics.set(name, nic);
  await nic.connected();
  return nic;
}

const station = (name: string) => {
  const { mac, address } = engine.instances.get(name);
  return { mac: macOf(mac), address: parseAddress(address) };
};
const datagram = (from: string, to: { mac: number; address: number }, word: string) =>
  udpFrame({ ...station(from), port: 1 }, { ...to, port: 2 }, Buffer.from(word));
const saying = (word: string) => (frame: Buffer) => frame.includes(word);
const everybody = { mac: BROADCAST, address: 0xffff_ffff };

/** What the guest was last told of the names. */
const told = (name: string) =>
  world.host.commands
    .filter((command) => command.startsWith(`${name}: sudo`) && command.includes("/etc/hosts"))
    .at(-1)
    ?.split(" sh ")
    .at(-1)
    ?.trim();
const line = (name: string) => `${engine.instances.get(name).address} ${name}.berth ${name} # berth`;
const lines = (...names: string[]) => names.map(line).sort().join("\n");

test("frames go to whom they are for, and to nobody under another's name", async () => {
  const [a, b, c] = [await launch("a"), await launch("b"), await launch("c")];
  a.send(
    datagram("a", station("b"), "to b"),
    datagram("b", station("b"), "as b"),
    datagram("a", everybody, "to all"),
  );
  await c.receive(saying("to all"));
  await b.receive(saying("to all"));
  expect(b.received.some(saying("to b"))).toBe(true);
  expect(c.received.some(saying("to b"))).toBe(false);
  expect([...b.received, ...c.received].some(saying("as b"))).toBe(false);
  expect(a.received.some(saying("to all"))).toBe(false);
});

test("a guest that takes nothing holds up nobody, and what waits for it is bounded", async () => {
  const [a, b, c] = [await launch("a"), await launch("b"), await launch("c")];
  b.pause();
  const full = datagram("a", station("b"), "x".repeat(1400));
  for (let n = 0; n < 4000; n += 1) a.send(full);
  a.send(datagram("a", station("c"), "still here"));
  await c.receive(saying("still here"));
  b.resume();
  a.send(datagram("a", station("b"), "again"));
  await expect
    .poll(() => {
      a.send(datagram("a", station("b"), "again"));
      return b.received.some(saying("again"));
    })
    .toBe(true);
  expect(b.received.length).toBeLessThan(4000);
});

test("a stream that is none is closed, and begun anew; the others go on", async () => {
  const [a, b] = [await launch("a"), await launch("b")];
  const bad = Buffer.alloc(4);
  bad.writeUInt32BE(LONGEST_FRAME + 1);
  a.sendRaw(bad);
  await expect.poll(() => a.connections, { timeout: 10_000 }).toBe(2);
  a.send(datagram("a", station("b"), "back"));
  await b.receive(saying("back"));
});

test("the next engine goes on where one has ended", async () => {
  const [a, b] = [await launch("a"), await launch("b")];
  await world.close(engine);
  engine = await world.open();
  await expect.poll(() => [a.connections, b.connections], { timeout: 10_000 }).toEqual([2, 2]);
  a.send(datagram("a", station("b"), "hello again"));
  await b.receive(saying("hello again"));
});

test("the network answers for names, as they are at that moment", async () => {
  const a = await launch("a");
  await launch("b");
  const { address } = engine.instances.get("a");
  const service = serviceOf(subnetAround(address));
  const ask = async (id: number, name: string) => {
    const query = packet.encode({ type: "query", id, questions: [{ type: "A", name }] });
    a.send(udpFrame({ ...station("a"), port: 4000 + id }, { ...service, port: 53 }, query));
    const frame = await a.receive((one) => readIpv4(one)?.udp?.toPort === 4000 + id);
    return packet
      .decode(readIpv4(frame)?.udp?.payload ?? Buffer.alloc(0))
      .answers?.map((one) => "data" in one && one.data);
  };
  expect(await ask(1, "b.berth")).toEqual([engine.instances.get("b").address]);
  await succeeded(engine, engine.instances.rename("b", "other"));
  expect(await ask(2, "b.berth")).toEqual([]);
  expect(await ask(3, "other")).toEqual([engine.instances.get("other").address]);
});

test("guests know all names: of who is there, is renamed, is deleted, is recovered", async () => {
  await launch("a");
  await launch("b");
  await expect.poll(() => told("a")).toBe(lines("a", "b"));
  await expect.poll(() => told("b")).toBe(lines("a", "b"));
  await succeeded(engine, engine.instances.rename("b", "other"));
  await expect.poll(() => told("a")).toBe(lines("a", "other"));
  await succeeded(engine, engine.instances.delete("other", { purge: false }));
  await expect.poll(() => told("a")).toBe(line("a"));
  await succeeded(engine, engine.instances.recover("other"));
  await expect.poll(() => told("a")).toBe(lines("a", "other"));
});

test("an engine stays while two guests may speak, and no longer", async () => {
  const changes: boolean[] = [];
  await launch("a");
  expect(engine.idle).toBe(true);
  await launch("b");
  engine.onDidChangeIdle((idle) => changes.push(idle));
  expect(engine.idle).toBe(false);
  await succeeded(engine, engine.instances.stop("a", { force: false }));
  await expect.poll(() => engine.idle).toBe(true);
  expect(changes.at(-1)).toBe(true);
});

test("guests without such a NIC are left in peace", async () => {
  world.host.withLan = false;
  await succeeded(engine, engine.instances.launch({ name: "a" }));
  await succeeded(engine, engine.instances.launch({ name: "b" }));
  expect(engine.idle).toBe(true);
  expect(world.host.commands).toEqual([]);
});
