/** Containers over the engine's real API and a fake driver: what each verb does, and what is refused of them. */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LaunchSpec } from "../../src/api/instance.ts";
import type { Exit } from "../../src/engine/drivers/running.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { formatDescriptor, parseDescriptor } from "../../src/engine/store/record.ts";
import { FakeRuntime, openWithContainers } from "../support/fake-containers.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;

const open = () => openWithContainers(world, runtime);

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  engine = await open();
});
afterEach(() => world.dispose());

const launch = (name: string, more: Partial<LaunchSpec> = {}) =>
  succeeded(engine, engine.instances.launch({ name, image: "nginx", container: {}, ...more }));

test("a container is launched by its driver, from its runtime's image, without keys or a disk", async () => {
  const env = { PASSWORD: "canary" };
  await launch("web", { container: { env, command: ["serve"] }, memoryBytes: 2 ** 29 });
  expect(engine.instances.get("web")).toMatchObject({
    ...{ kind: "container", driver: "fake-oci", state: "running", ready: true, address: "172.17.0.2" },
    ...{ cpus: 0, memoryBytes: 2 ** 29, diskBytes: 0 },
    image: { reference: "docker.io/library/nginx" },
    container: {
      ...{ runtime: "docker", shape: "application", command: ["serve"], env: ["PASSWORD"], paused: false },
      image: { reference: "docker.io/library/nginx", id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    },
  });
  expect(JSON.stringify(engine.instances.list())).not.toContain("canary");
  expect(runtime.made.get("web")).toMatchObject({
    ...{ image: undefined, diskBytes: 0, container: { env }, login: { client: { privateKey: "" } } },
  });
  expect(world.host.calls).toEqual([]);
  expect(await engine.images.cached()).toEqual([]);
});

test("VMs are launched as ever beside it, and are not told of it", async () => {
  await launch("web");
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  expect(engine.instances.get("vm")).toMatchObject({ kind: "vm", driver: "fake", cpus: 1 });
  expect(engine.instances.get("vm").container).toBeUndefined();
  expect((await engine.info()).drivers.map(({ name }) => name)).toEqual(["fake", "fake-oci"]);
});

test("without a runtime a container is refused with what to do, and a VM is launched", async () => {
  runtime.available = false;
  await expect(engine.instances.launch({ name: "web", image: "nginx", container: {} })).rejects.toMatchObject(
    {
      ...{ code: "missing-dependency", message: "cannot launch web: neither Docker nor Podman runs here" },
      hint: "Start Docker, or install Podman.",
    },
  );
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  runtime.available = true;
  await launch("web");
});

test("what only a machine has is refused, all of it at once and in its words", async () => {
  const refused = await engine.instances
    .launch({
      ...{ name: "web", container: {}, firmware: "uefi", tpm: true, diskBytes: 2 ** 30 },
      ...{ userData: "#cloud-config\n", disks: [{ sizeBytes: 2 ** 30 }] },
    })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "invalid-argument" });
  for (const words of ["firmware", "TPM", "no disk of its own", "cloud-init", "plugged in", "needs an image"])
    expect((refused as Error).message).toContain(words);
  await launch("web");
  await expect(engine.instances.suspend("web")).rejects.toMatchObject({
    ...{ code: "not-supported", hint: "Pause it: berth pause web" },
    message: "cannot suspend web: its memory cannot be kept: CRIU is not installed",
  });
  await expect(engine.snapshots.take("web", { comment: "" })).rejects.toMatchObject({
    ...{ code: "wrong-state", hint: "Stop it first: berth stop web" },
    message: "cannot snapshot web: it is running, and its memory cannot be kept: CRIU is not installed",
  });
  const { signal } = new AbortController();
  for (const [asked, words] of [
    [engine.disks.add("web", { sizeBytes: 2 ** 30 }), "a container has no disks to be plugged in"],
    [engine.consoles.open("web", {}, signal), "a container has no serial port"],
    [engine.instances.openDisplay("web", signal), "a container has no screen"],
    [engine.media.insert("web", "/x.iso"), "a container has no drive"],
  ] as const)
    await expect(asked).rejects.toMatchObject({
      code: "not-supported",
      message: expect.stringContaining(words),
    });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  expect(await ended(engine, engine.instances.update("web", { diskBytes: 2 ** 30 }))).toMatchObject({
    error: { code: "not-supported" },
  });
});

test("limits are set while it is stopped, and taken away again; a VM is never without its sizes", async () => {
  await launch("web", { memoryBytes: 2 ** 29, cpus: 2 });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  const limited = { cpus: 1, memoryBytes: 2 ** 30 };
  await succeeded(engine, engine.instances.update("web", { ...limited, pidsLimit: 64 }));
  expect(engine.instances.get("web")).toMatchObject({ ...limited, container: { pidsLimit: 64 } });
  await succeeded(engine, engine.instances.update("web", { cpus: 0, memoryBytes: 0, pidsLimit: 0 }));
  await world.close(engine);
  engine = await open();
  expect(engine.instances.get("web")).toMatchObject({ cpus: 0, memoryBytes: 0 });
  expect(engine.instances.get("web").container).not.toHaveProperty("pidsLimit");
  await succeeded(engine, engine.instances.start("web"));
  expect(runtime.made.get("web")).toMatchObject({ cpus: 0, memoryBytes: 0 });

  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  await succeeded(engine, engine.instances.stop("vm", { force: true }));
  for (const [change, message] of [
    [{ cpus: 0 }, "cannot set cpus of vm: only a container can be without"],
    [{ memoryBytes: 0 }, "cannot set memory of vm: only a container can be without"],
    [{ pidsLimit: 64 }, "cannot set pids of vm: only a container has such a limit"],
  ] as const)
    await expect(engine.instances.update("vm", change)).rejects.toMatchObject({
      ...{ code: "invalid-argument", message },
    });
});

test("containers draw no addresses; one that once did goes on, and its address is free for a VM", async () => {
  await launch("web");
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await expect(
    engine.ports.add("web", { protocol: "tcp", hostAddress: "own", guestPort: 80 }),
  ).rejects.toMatchObject({ message: expect.stringContaining("a container has no address of its own here") });
  const { id } = engine.instances.get("web");
  const file = path.join(world.paths.instances, id, "instance.json");
  const now = parseDescriptor(await readFile(file, "utf8"));
  expect(now).toMatchObject({ address: "" });

  await succeeded(engine, engine.instances.launch({ name: "vm", zone: now.zone }));
  const { address } = engine.instances.get("vm");
  await world.close(engine);
  await writeFile(file, formatDescriptor({ ...now, address, revision: now.revision + 1 }));
  for (const suffix of ["", "-wal", "-shm"]) await rm(world.paths.database + suffix, { force: true });
  engine = await open();
  expect(engine.instances.get("vm")).toMatchObject({ address });
  await succeeded(engine, engine.instances.start("web"));
  expect(engine.instances.get("web")).toMatchObject({ address: "172.17.0.2", problems: [] });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, engine.instances.clone("web", "twin"));
  await succeeded(engine, engine.instances.launch({ name: "vm-2", zone: now.zone }));
  expect(engine.instances.get("vm-2").address).not.toBe(address);
});

test("an engine that lost its settings and has but containers chooses a network anew", async () => {
  await launch("web");
  await world.close(engine);
  for (const suffix of ["", "-wal", "-shm"]) await rm(world.paths.database + suffix, { force: true });
  engine = await open();
  expect(engine.instances.get("web")).toMatchObject({ kind: "container" });
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
});

test("an image that is nowhere leaves nothing behind", async () => {
  const { error } = await ended(
    engine,
    engine.instances.launch({ name: "web", image: "nonesuch", container: {} }),
  );
  expect(error).toMatchObject({ code: "not-found", message: "cannot pull nonesuch: there is no such image" });
  expect(engine.instances.list()).toEqual([]);
  expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
});

test("an application that has done its work has ended well; one that fails says so", async () => {
  runtime.host.knobsOf.set("once", { ready: "never" });
  const launching = await engine.instances.launch({ name: "once", image: "hello", container: {} });
  await runtime.host.reached("ready", "once");
  runtime.host.end(engine.instances.get("once").id, { how: "guest-shutdown" });
  await succeeded(engine, launching);
  expect(engine.instances.get("once")).toMatchObject({ state: "stopped", problems: [] });

  runtime.host.knobsOf.set("bad", { ready: "never" });
  const failing = await engine.instances.launch({ name: "bad", image: "hello", container: {} });
  await runtime.host.reached("ready", "bad");
  const detail = "out of memory (limit 512 MiB)";
  runtime.host.end(engine.instances.get("bad").id, { how: "crashed", detail });
  expect((await ended(engine, failing)).error?.message).toContain(detail);
  expect(engine.instances.get("bad")).toMatchObject({ state: "stopped", problems: [{ severity: "error" }] });
});

test("one that ends as soon as it has begun is told of as any other", async () => {
  const boot = runtime.host.boot.bind(runtime.host);
  const ends = new Map<string, Exit>([
    ["once", { how: "guest-shutdown" }],
    ["bad", { how: "crashed", detail: "its command ended with code 3" }],
  ]);
  runtime.host.boot = (instance) => {
    const guest = boot(instance);
    const exit = ends.get(instance.name);
    if (exit) runtime.host.end(guest.id, exit);
    return guest;
  };
  await launch("once", { image: "hello" });
  expect(engine.instances.get("once")).toMatchObject({ state: "stopped", problems: [] });
  const failing = await engine.instances.launch({ name: "bad", image: "hello", container: {} });
  expect((await ended(engine, failing)).error?.message).toContain("code 3");
  const problems = [{ severity: "error", message: expect.stringContaining("code 3") }];
  expect(engine.instances.get("bad")).toMatchObject({ state: "stopped", problems });
});

test("whoever names a program gets an application, whatever the image is made for", async () => {
  await launch("own", { image: "machine:1", container: { command: ["serve"] } });
  await launch("box", { image: "machine:1" });
  await launch("both", { image: "machine:1", container: { command: ["init"], shape: "machine" } });
  const shapes = ["own", "box", "both"].map((name) => engine.instances.get(name).container?.shape);
  expect(shapes).toEqual(["application", "machine", "machine"]);
});

test("a machine that shuts down before it is ready has not", async () => {
  runtime.host.knobsOf.set("box", { ready: "never" });
  const spec = { name: "box", image: "machine:1", container: {} };
  const launching = await engine.instances.launch(spec);
  await runtime.host.reached("ready", "box");
  runtime.host.end(engine.instances.get("box").id, { how: "guest-shutdown" });
  expect((await ended(engine, launching)).error?.code).toBe("guest-unreachable");
});

test("it is paused, entered by nobody meanwhile, adopted so, and stopped all the same", async () => {
  await launch("web");
  await succeeded(engine, engine.instances.pause("web"));
  await succeeded(engine, engine.instances.pause("web"));
  expect(engine.instances.get("web")).toMatchObject({ state: "running", container: { paused: true } });
  expect(() => engine.instances.guest("web")).toThrow('instance "web" is paused');
  await world.close(engine);
  engine = await open();
  expect(engine.instances.get("web").container?.paused).toBe(true);
  await succeeded(engine, engine.instances.unpause("web"));
  expect(engine.instances.get("web").container?.paused).toBe(false);
  await succeeded(engine, engine.instances.pause("web"));
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  expect(runtime.paused.size).toBe(0);
  await expect(engine.instances.pause("web")).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  await expect(engine.instances.pause("vm")).rejects.toMatchObject({
    ...{ code: "not-supported", hint: "Suspend it: berth suspend vm" },
  });
});

test("what it prints is read, from then on and of before, whether it runs or not", async () => {
  await launch("web");
  const { id } = engine.instances.get("web");
  runtime.print(id, "hello");
  const signal = AbortSignal.timeout(20_000);
  const following = await engine.instances.logs("web", { follow: true, tail: 1 }, signal);
  const said = text(following);
  runtime.print(id, "again");
  expect((await engine.instances.log("web", "serial", signal)).text).toBe("started web\nhello\nagain\n");
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  expect(await said).toBe("hello\nagain\n");
  expect(await text(await engine.instances.logs("web", { tail: 1 }, signal))).toBe("again\n");
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  await expect(engine.instances.logs("vm", {}, signal)).rejects.toMatchObject({
    ...{ code: "not-supported", hint: "What its guest prints: berth log vm, or berth console vm" },
  });
});

test("what it uses is told by its runtime", async () => {
  await launch("web");
  const watching = new AbortController();
  const told = [];
  for await (const metrics of engine.metrics.watch("web", watching.signal)) {
    told.push(metrics.cpu);
    if (told.length === 2) watching.abort();
  }
  expect(told).toEqual([0.25, 0.25]);
  expect(runtime.host.commands).toEqual([]);
});

test("its ports are its own from the launch on, and nobody else's", async () => {
  await launch("web", { ports: [{ guestPort: 80, hostPort: 18_080 }, { guestPort: 81 }] });
  const { ports } = engine.instances.get("web");
  expect(ports).toMatchObject([
    { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 18_080, guestPort: 80 },
    { protocol: "tcp", hostAddress: "127.0.0.1", guestPort: 81 },
  ]);
  expect(runtime.made.get("web")?.ports).toEqual(ports);
  const again = { name: "other", image: "nginx", container: {} };
  const port = { guestPort: 80, hostPort: 18_080 };
  await expect(engine.instances.launch({ ...again, ports: [port] })).rejects.toMatchObject({
    message: expect.stringContaining("18080/tcp is forwarded to web already"),
  });
  await expect(
    engine.instances.launch({
      ...again,
      ports: [
        { ...port, hostPort: 18_081 },
        { ...port, hostPort: 18_081 },
      ],
    }),
  ).rejects.toMatchObject({ code: "already-exists" });
  await expect(
    engine.instances.launch({ ...again, ports: [{ guestPort: 80, hostAddress: "own" }] }),
  ).rejects.toMatchObject({ code: "invalid-argument" });
});

test("directories of this host are its runtime's to show, and change while it is stopped", async () => {
  await launch("web", { mounts: [{ source: world.root, target: "/data" }] });
  expect(runtime.made.get("web")?.shares).toMatchObject([{ source: world.root, target: "/data" }]);
  expect(runtime.host.commands).toEqual([]);
  await expect(engine.mounts.add("web", { source: world.root, target: "/more" })).rejects.toMatchObject({
    ...{ code: "wrong-state", hint: "Stop it first." },
  });
  await expect(engine.mounts.remove("web", "/data")).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, engine.mounts.add("web", { source: world.root, target: "/more" }));
  await succeeded(engine, engine.mounts.remove("web", "/data"));
  await succeeded(engine, engine.instances.start("web"));
  expect(runtime.made.get("web")?.shares).toMatchObject([{ target: "/more" }]);
});

test("snapshot, restore, clone, rename, delete and recover are those of every instance", async () => {
  await launch("web", { container: { env: { A: "b" } } });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, engine.snapshots.take("web", { name: "one", comment: "" }));
  await succeeded(engine, engine.snapshots.restore("web", "one", { destructive: true }));
  await succeeded(engine, engine.instances.clone("web", "copy"));
  await succeeded(engine, engine.instances.rename("copy", "twin"));
  await succeeded(engine, engine.instances.start("twin"));
  expect(runtime.made.get("twin")).toMatchObject({ container: { env: { A: "b" } } });
  await succeeded(engine, engine.instances.update("web", { memoryBytes: 2 ** 28 }));
  await succeeded(engine, engine.instances.start("web"));
  expect(runtime.made.get("web")?.memoryBytes).toBe(2 ** 28);
  await succeeded(engine, engine.instances.delete("web", { purge: false }));
  await succeeded(engine, engine.instances.recover("web"));
  await succeeded(engine, engine.instances.delete("web", { purge: true }));
  expect(runtime.host.calls).toContain("delete web");
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["twin"]);
});

test("the next engine adopts it, and shows one that has ended as stopped", async () => {
  await launch("web");
  await launch("gone");
  await world.close(engine);
  runtime.host.end(engine.instances.get("gone").id, { how: "stopped" });
  engine = await open();
  expect(engine.instances.get("gone")).toMatchObject({ state: "stopped", address: "" });
  await instanceBecomes(engine, "web", ({ ready }) => ready);
  expect(engine.instances.get("web")).toMatchObject({ kind: "container", address: "172.17.0.2" });
  expect(runtime.pulls).toHaveLength(2);
});

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
