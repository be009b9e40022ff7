/** Forwarded ports over the engine's API and a fake driver: kept, opened at each start, never promised in vain. */
import { once } from "node:events";
import net from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web" }));
});
afterEach(() => world.dispose());

const tcp = { protocol: "tcp", hostAddress: "127.0.0.1" } as const;
const ports = () => engine.instances.get("web").ports;

test("ports that a launch asks for are open from its first start on", async () => {
  const wanted = [{ hostPort: 8081, guestPort: 80 }, { guestPort: 8082 }];
  await succeeded(engine, engine.instances.launch({ name: "shop", ports: wanted }));
  const [first, second] = engine.instances.get("shop").ports;
  expect(first).toEqual({ ...tcp, hostPort: 8081, guestPort: 80 });
  expect(world.host.openPorts.get(8081)).toBe("shop");
  expect(world.host.openPorts.get(second?.hostPort ?? 0)).toBe("shop");
});

test("a port is open at once, after a restart, and until it is removed", async () => {
  expect(
    await succeeded(engine, engine.ports.add("web", { ...tcp, hostPort: 8080, guestPort: 80 })),
  ).toMatchObject({
    kind: "add-port",
    target: "web",
    warnings: [],
  });
  expect(ports()).toEqual([{ ...tcp, hostPort: 8080, guestPort: 80 }]);
  expect([...world.host.openPorts]).toEqual([[8080, "web"]]);
  world.host.openPorts.clear();
  await succeeded(engine, engine.instances.restart("web"));
  expect([...world.host.openPorts]).toEqual([[8080, "web"]]);
  await world.close(engine);
  engine = await world.open();
  expect(ports()).toHaveLength(1);
  await succeeded(engine, engine.ports.remove("web", { protocol: "tcp", hostPort: 8080 }));
  expect(ports()).toEqual([]);
  expect(world.host.openPorts.size).toBe(0);
});

test("without a host port, the guest's own is taken, else any that is free", async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: busy } = server.address() as net.AddressInfo;
  await succeeded(engine, engine.ports.add("web", { ...tcp, guestPort: busy }));
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const [first] = ports();
  expect(first?.guestPort).toBe(busy);
  expect(first?.hostPort).not.toBe(busy);
  await succeeded(engine, engine.ports.add("web", { ...tcp, guestPort: 22 }));
  expect(ports()[1]?.hostPort).toBeGreaterThan(1023);
});

test("what cannot be is refused, and nothing is kept of it", async () => {
  await succeeded(engine, engine.instances.launch({ name: "db" }));
  await succeeded(engine, engine.ports.add("db", { ...tcp, hostPort: 5432, guestPort: 5432 }));
  await expect(engine.ports.add("web", { ...tcp, hostPort: 5432, guestPort: 1 })).rejects.toMatchObject({
    code: "already-exists",
    message: expect.stringContaining("5432/tcp is forwarded to db already"),
  });
  await expect(engine.ports.remove("web", { protocol: "tcp", hostPort: 5432 })).rejects.toMatchObject({
    code: "not-found",
  });
  world.host.takenPorts.add(9000);
  expect(
    await ended(engine, engine.ports.add("web", { ...tcp, hostPort: 9000, guestPort: 1 })),
  ).toMatchObject({
    status: "failed",
    error: { code: "already-exists" },
  });
  expect(ports()).toEqual([]);
});

test("a port that another program has meanwhile is a problem of the instance, not the end of its start", async () => {
  await succeeded(engine, engine.ports.add("web", { ...tcp, hostPort: 8080, guestPort: 80 }));
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  world.host.takenPorts.add(8080);
  await succeeded(engine, engine.instances.start("web"));
  expect(engine.instances.get("web")).toMatchObject({
    state: "running",
    problems: [{ code: "port-unusable:8080/tcp", message: expect.stringContaining("8080") }],
  });
});

test("whoever listens beyond this host is told", async () => {
  const wide = { protocol: "udp", hostAddress: "0.0.0.0", hostPort: 5353, guestPort: 53 } as const;
  const { warnings } = await succeeded(engine, engine.ports.add("web", wide));
  expect(warnings).toEqual(["0.0.0.0:5353/udp can be reached from other computers"]);
});

test("at their own loopback addresses, two instances have the same port", async () => {
  await succeeded(engine, engine.instances.launch({ name: "db" }));
  const own = { protocol: "tcp", hostAddress: "own", hostPort: 8080, guestPort: 80 } as const;
  await succeeded(engine, engine.ports.add("web", own));
  await succeeded(engine, engine.ports.add("db", own));
  for (const name of ["web", "db"]) {
    const { address, ports } = engine.instances.get(name);
    expect(ports).toMatchObject([{ hostAddress: address.replace(/^10\./, "127."), hostPort: 8080 }]);
  }
  const clash = { ...tcp, hostPort: 8080, guestPort: 81 };
  await expect(engine.ports.add("web", clash)).rejects.toMatchObject({ code: "already-exists" });
  const wide = { ...clash, hostAddress: "0.0.0.0", protocol: "tcp" } as const;
  await succeeded(engine, engine.instances.launch({ name: "third" }));
  await expect(engine.ports.add("third", wide)).rejects.toMatchObject({ code: "already-exists" });
});

test("a forward moves to another address of this host, and stays where it is if it cannot", async () => {
  const name = { protocol: "tcp", hostPort: 8080 } as const;
  await succeeded(engine, engine.ports.add("web", { ...tcp, hostPort: 8080, guestPort: 80 }));
  const { warnings } = await succeeded(engine, engine.ports.update("web", name, { hostAddress: "0.0.0.0" }));
  expect(warnings).toEqual(["0.0.0.0:8080/tcp can be reached from other computers"]);
  expect(ports()).toEqual([{ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, guestPort: 80 }]);
  world.host.takenPorts.add(8080);
  expect(await ended(engine, engine.ports.update("web", name, { hostAddress: "127.0.0.1" }))).toMatchObject({
    status: "failed",
    error: { code: "already-exists" },
  });
  expect(ports()).toMatchObject([{ hostAddress: "0.0.0.0" }]);
  expect(engine.instances.get("web").problems).toMatchObject([{ code: "port-unusable:8080/tcp" }]);
  world.host.takenPorts.clear();
  await succeeded(engine, engine.ports.update("web", name, { hostAddress: "127.0.0.1" }));
  expect(engine.instances.get("web").problems).toEqual([]);
  await expect(
    engine.ports.update("web", { ...name, hostPort: 1 }, { hostAddress: "127.0.0.1" }),
  ).rejects.toMatchObject({ code: "not-found" });
  await succeeded(engine, engine.instances.launch({ name: "db" }));
  const own = engine.instances.get("db").address.replace(/^10\./, "127.");
  await succeeded(engine, engine.ports.add("db", { ...tcp, hostAddress: own, hostPort: 8080, guestPort: 1 }));
  await expect(engine.ports.update("web", name, { hostAddress: "0.0.0.0" })).rejects.toMatchObject({
    code: "already-exists",
  });
});

/** A server that answers each line by itself, as `echo` does, and the guest port that leads to it. */
async function guestServer(guestPort: number): Promise<void> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  world.host.guestPorts.set(guestPort, (server.address() as net.AddressInfo).port);
}

async function echo(port: number, words: string): Promise<string> {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(words);
  return text(socket);
}

test("through SSH a forward reaches the guest's loopback: with the guest, with the next engine, until it is removed", async () => {
  await guestServer(3000);
  await succeeded(engine, engine.ports.add("web", { ...tcp, guestPort: 3000, via: "ssh" }));
  const [{ hostPort = 0 } = {}] = ports();
  expect(engine.idle).toBe(false);
  expect(await echo(hostPort, "x".repeat(1_000_000))).toHaveLength(1_000_000);
  expect(world.host.openPorts.size).toBe(0);
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await expect(echo(hostPort, "hello")).rejects.toThrow("ECONNREFUSED");
  expect(engine.idle).toBe(true);
  await succeeded(engine, engine.instances.start("web"));
  expect(await echo(hostPort, "hello")).toBe("hello");
  await world.close(engine);
  await expect(echo(hostPort, "hello")).rejects.toThrow("ECONNREFUSED");
  engine = await world.open();
  expect(await echo(hostPort, "again")).toBe("again");
  world.host.guestPorts.clear();
  await expect(echo(hostPort, "nobody")).rejects.toThrow("ECONNRESET");
  await succeeded(engine, engine.ports.remove("web", { protocol: "tcp", hostPort }));
  await expect(echo(hostPort, "hello")).rejects.toThrow("ECONNREFUSED");
  expect(engine.idle).toBe(true);
});

test("through SSH, a port that another program has is refused, then a problem of the instance that a restart solves", async () => {
  const other = net.createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as net.AddressInfo;
  const wanted = { ...tcp, hostPort: port, guestPort: 3000, via: "ssh" } as const;
  expect(await ended(engine, engine.ports.add("web", wanted))).toMatchObject({
    status: "failed",
    error: { code: "already-exists", message: expect.stringContaining("another program may have it") },
  });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, engine.ports.add("web", wanted));
  await succeeded(engine, engine.instances.start("web"));
  expect(engine.instances.get("web").problems).toMatchObject([{ code: `port-unusable:${port}/tcp` }]);
  other.close();
  await once(other, "close");
  await succeeded(engine, engine.instances.restart("web"));
  expect(engine.instances.get("web").problems).toEqual([]);
  await expect(engine.ports.add("web", { ...wanted, protocol: "udp" })).rejects.toMatchObject({
    code: "invalid-argument",
  });
});
