/** Forwarded ports over the engine's API and a fake driver: kept, opened at each start, never promised in vain. */
import net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
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
  await succeeded(engine, engine.ports.remove("web", "tcp", 8080));
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
  await expect(engine.ports.remove("web", "tcp", 5432)).rejects.toMatchObject({ code: "not-found" });
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
    problems: [{ code: "port-unusable", message: expect.stringContaining("8080") }],
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
