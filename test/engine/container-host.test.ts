/** The VM for containers, over the engine's real API and fake drivers: how it comes, stays and goes. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LaunchSpec } from "../../src/api/instance.ts";
import type { Progress } from "../../src/api/operation.ts";
import type { ContainerHost } from "../../src/engine/drivers/container-host.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ctx } from "../contract/driver.ts";
import { FakeContainerDriver, FakeRuntime } from "../support/fake-containers.ts";
import { FakeDriver } from "../support/fake-driver.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

const HOST = "container-host";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;
let host: ContainerHost;

const open = () =>
  world.open({
    drivers: ({ containerHost }) => {
      host = containerHost;
      return [new FakeDriver(world.host), new FakeContainerDriver(runtime, containerHost)];
    },
  });

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  world.host.prints.set("podman", "berth: ready");
  engine = await open();
});
afterEach(() => world.dispose());

const begin = (name: string, more: Partial<LaunchSpec> = {}) =>
  engine.instances.launch({ name, image: "nginx", container: { runtime: "vm" }, ...more });
const launch = (name: string) => succeeded(engine, begin(name));
const stateOf = (name: string) => engine.instances.get(name).state;

test("it is made with the first container that needs it, as large as the settings say, and only once", async () => {
  engine.settings.set({ "containers.vm-cpus": 1, "containers.vm-memory": "1G", "containers.vm-disk": "9G" });
  expect(host.running).toBeUndefined();
  await Promise.all([launch("web"), launch("db")]);
  const made = engine.instances.get(HOST);
  expect(made).toMatchObject({
    ...{ kind: "vm", state: "running", cpus: 1, memoryBytes: 2 ** 30, diskBytes: 9 * 2 ** 30 },
    labels: { purpose: "runs containers" },
  });
  expect(host.running).toBe(made.id);
  expect(world.host.calls.filter((call) => call.startsWith("create "))).toEqual([`create ${HOST}`]);
});

test("whoever waits for it is told what it costs, and how far it is", async () => {
  const told: Progress[] = [];
  await host.open({ ...ctx(), progress: (progress) => told.push(progress) });
  expect(told[0]).toMatchObject({
    phase: "container-host",
    message: expect.stringMatching(/CPUs?, 2GiB of memory, up to 20GiB of disk$/),
  });
  expect(told.some(({ message }) => message?.startsWith(HOST))).toBe(true);
});

test("it is started with a container in it, and stopped after all of them", async () => {
  await Promise.all([launch("web"), launch("db")]);
  await succeeded(engine, engine.instances.stop(HOST, { force: false }));
  expect([HOST, "web", "db"].map(stateOf)).toEqual(["stopped", "stopped", "stopped"]);
  expect(engine.instances.get("web").problems).toEqual([]);
  expect(host.running).toBeUndefined();
  await succeeded(engine, engine.instances.start("web"));
  expect([HOST, "web", "db"].map(stateOf)).toEqual(["running", "running", "stopped"]);
});

test("what was written in it is on its disk before its plug is pulled; no other VM is waited for", async () => {
  await launch("web");
  await succeeded(engine, engine.instances.launch({ name: "other" }));
  await succeeded(engine, engine.instances.stop(HOST, { force: true }));
  await succeeded(engine, engine.instances.stop("other", { force: true }));
  expect(world.host.commands.filter((command) => command.endsWith(": sync"))).toEqual([`${HOST}: sync`]);
  await host.flush(ctx(), "one that is gone");
});

test("it is not deleted while it holds containers, those in the trash included", async () => {
  await launch("web");
  await succeeded(engine, engine.instances.delete("web", { purge: false }));
  for (const purge of [false, true])
    await expect(engine.instances.delete(HOST, { purge })).rejects.toMatchObject({
      code: "busy",
      message: `cannot delete ${HOST}: it holds the container web`,
      hint: "Delete what is in it first: berth delete --purge web",
    });
  expect(stateOf(HOST)).toBe("running");
  await succeeded(engine, engine.instances.purge("web"));
  await succeeded(engine, engine.instances.delete(HOST, { purge: false }));
  await expect(begin("again").then((operation) => ended(engine, operation))).resolves.toMatchObject({
    status: "failed",
    error: { code: "wrong-state", hint: `Get it back: berth recover ${HOST}` },
  });
});

test("it is known beneath another name, and by the next engine", async () => {
  await launch("web");
  const { id } = engine.instances.get(HOST);
  await succeeded(engine, engine.instances.rename(HOST, "boxes"));
  await world.close(engine);
  engine = await open();
  expect(host.running).toBe(id);
  await launch("db");
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["boxes", "db", "web"]);
});

test("where it cannot be made, the container's launch says why and leaves nothing", async () => {
  world.host.knobs.create = new Error("no room for it");
  const operation = await ended(engine, begin("web"));
  expect(operation).toMatchObject({
    status: "failed",
    error: { message: expect.stringContaining("no room for it") },
  });
  expect(engine.instances.list()).toEqual([]);
  world.host.knobs.create = 0;
  await launch("web");
});

test("whoever is the last to call it off while it is made takes it back; the next one makes it anew", async () => {
  world.host.knobs.ready = "never";
  const [web, db] = await Promise.all([begin("web"), begin("db")]);
  await world.host.reached("ready", HOST);
  engine.operations.cancel(web.id);
  expect(await ended(engine, web)).toMatchObject({ status: "cancelled" });
  expect(engine.instances.list().map(({ name }) => name)).toEqual([HOST, "db"]);
  engine.operations.cancel(db.id);
  expect(await ended(engine, db)).toMatchObject({ status: "cancelled" });
  expect(engine.instances.list()).toEqual([]);
  expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
  world.host.knobs.ready = 0;
  await launch("web");
});

test("an engine that leaves while it is made lets the next one go on", async () => {
  world.host.knobs.ready = "never";
  const web = await begin("web");
  await world.host.reached("ready", HOST);
  await world.close(engine);
  world.host.knobs.ready = 0;
  engine = await open();
  await succeeded(engine, engine.operations.get(web.id));
  expect([HOST, "web"].map(stateOf)).toEqual(["running", "running"]);
});

test("directories of this host and UDP are refused before it is made, and of a container in it", async () => {
  const refused = { code: "not-supported", hint: expect.any(String) };
  const udp = { protocol: "udp", hostAddress: "127.0.0.1", guestPort: 53 } as const;
  const mount = { source: world.root, target: "/data" };
  for (const more of [{ ports: [udp] }, { mounts: [mount] }])
    expect(await ended(engine, begin("web", more))).toMatchObject({ status: "failed", error: refused });
  expect(engine.instances.list()).toEqual([]);
  expect(world.host.calls.filter((call) => call.startsWith("create "))).toEqual([]);
  await launch("web");
  await expect(engine.ports.add("web", udp)).rejects.toMatchObject(refused);
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await expect(engine.mounts.add("web", mount)).rejects.toMatchObject(refused);
});

test("where it cannot be given its runtime, its own words say why", async () => {
  world.host.prints.set("podman", "E: Unable to locate package podman");
  await expect(host.open(ctx())).rejects.toMatchObject({
    code: "driver-failed",
    message: `cannot make ${HOST} a container host: E: Unable to locate package podman`,
  });
  world.host.prints.set("podman", "berth: ready");
  await launch("web");
});

test("what connects to one that does not run is told how to start it", async () => {
  const id = await host.open(ctx());
  await succeeded(engine, engine.instances.stop(HOST, { force: false }));
  const { signal } = new AbortController();
  const to = { socketPath: "/x" };
  await expect(host.connect({ signal }, id, to)).rejects.toMatchObject({
    code: "missing-dependency",
    hint: `Start it: berth start ${HOST}`,
  });
});
