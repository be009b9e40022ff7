/** The engine's core over its real API and a fake driver: what each verb does, and what each failure leaves. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngineError } from "../../src/base/errors.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
});

afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const launched = (name: string) => succeeded(engine, engine.instances.launch({ name }));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: EngineError) => error.code,
  );

describe("launch", () => {
  test("makes a running, ready instance with an address and a MAC of its own", async () => {
    const operation = await engine.instances.launch({ name: "web", cpus: 2, memoryBytes: 2 ** 30 });
    expect(operation).toMatchObject({ kind: "launch", target: "web", status: "running", cancellable: true });
    expect(engine.instances.get("web")).toMatchObject({ state: "creating", operation: operation.id });
    await succeeded(engine, operation);
    const instance = engine.instances.get("web");
    expect(instance).toMatchObject({ state: "running", ready: true, cpus: 2, problems: [], driver: "fake" });
    expect(instance.operation).toBeUndefined();
    expect(instance.image).toMatchObject({ os: "Fake", reference: "default" });
    expect(instance.ssh?.user).toBe("fake");
    expect(instance.address).toMatch(/^10\.\d+\.\d+\.\d+$/);
    await launched("db");
    const [a, b] = engine.instances.list();
    expect(a?.address).not.toBe(b?.address);
    expect(a?.mac).not.toBe(b?.mac);
  });

  test("names what was given no name", async () => {
    const { target } = await succeeded(engine, engine.instances.launch({}));
    expect(target).toMatch(/^[a-z]+-[a-z]+$/);
    expect(engine.instances.get(target).state).toBe("running");
  });

  test("refuses what cannot be, with the numbers", async () => {
    await launched("web");
    expect(await codeOf(engine.instances.launch({ name: "web" }))).toBe("already-exists");
    expect(await codeOf(engine.instances.launch({ name: "-web" }))).toBe("invalid-argument");
    expect(await codeOf(engine.instances.launch({ cpus: 0 }))).toBe("invalid-argument");
    expect(await codeOf(engine.instances.launch({ memoryBytes: -1 }))).toBe("invalid-argument");
    await expect(engine.instances.launch({ name: "x", cpus: 65 })).rejects.toThrow(
      "cannot launch x: 65 CPUs asked for, but this host has 64 CPUs",
    );
    await expect(engine.instances.launch({ name: "x", userData: "#cloud-config\na: [" })).rejects.toThrow(
      /line \d+/,
    );
    expect(engine.instances.list()).toHaveLength(1);
    expect(engine.operations.list()).toHaveLength(1);
  });

  test("checks without launching", async () => {
    expect(await engine.instances.check({ name: "web" })).toEqual([]);
    const problems = await engine.instances.check({ memoryBytes: 2 ** 41, diskBytes: 2 ** 45 });
    expect(problems.map(({ code }) => code)).toEqual(["memory-exceeds-host", "disk-exceeds-host"]);
    world.host.available = false;
    const [missing] = await engine.instances.check({});
    expect(missing).toMatchObject({ code: "fake-missing", severity: "error", hint: "Install it." });
    expect(await codeOf(engine.instances.launch({}))).toBe("missing-dependency");
  });

  test.each(["create", "start"] as const)("leaves nothing when %s fails", async (step) => {
    world.host.knobs[step] = new EngineError("driver-failed", "cannot do it: broken");
    const end = await ended(engine, engine.instances.launch({ name: "web" }));
    expect(end).toMatchObject({ status: "failed", error: { code: "driver-failed" } });
    expect(engine.instances.list()).toEqual([]);
    expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
    expect(world.host.guests.size).toBe(0);
    delete world.host.knobs[step];
    await launched("web");
  });

  test("leaves nothing when the image is unknown or its download fails", async () => {
    const unknown = await ended(engine, engine.instances.launch({ name: "web", image: "nonesuch" }));
    expect(unknown.error?.code).toBe("not-found");
    world.images.download = Object.assign(new Error("disk full"), { code: "ENOSPC" });
    const full = await ended(engine, engine.instances.launch({ name: "web" }));
    expect(full.error).toMatchObject({ code: "no-resources" });
    expect(full.error?.hint).toContain("Free some disk space");
    expect(engine.instances.list()).toEqual([]);
    expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
  });

  test("refuses a disk smaller than the image", async () => {
    world.images.virtualBytes = 10 * 2 ** 30;
    const end = await ended(engine, engine.instances.launch({ name: "web" }));
    expect(end.error?.message).toContain("a disk of 5GiB is too small for default, which needs 10GiB");
    expect(engine.instances.list()).toEqual([]);
  });

  test("keeps an instance whose cloud-init failed, with its words", async () => {
    world.host.knobs.ready = new EngineError(
      "driver-failed",
      "cannot prepare web: cloud-init: no such package",
    );
    const end = await ended(engine, engine.instances.launch({ name: "web" }));
    expect(end).toMatchObject({ status: "failed" });
    expect(end.error?.message).toContain("no such package. It last said: Cloud-init finished");
    expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: false });
    expect(engine.instances.get("web").problems[0]).toMatchObject({ code: "cloud-init-failed" });
  });

  test("keeps an instance that took too long, and notices when it becomes ready after all", async () => {
    world.host.knobs.ready = "never";
    const operation = await engine.instances.launch({ name: "web", timeoutMs: 1000 });
    await world.host.reached("ready", "web");
    world.host.knobs.ready = 0;
    const end = await ended(engine, operation);
    expect(end.error?.code).toBe("timed-out");
    expect(end.error?.message).toContain("timed out waiting for initialization to complete");
    expect(end.error?.hint).toContain("cloud-init last said: Cloud-init finished. Give it more time");
    const instance = await instanceBecomes(engine, "web", (one) => one.ready);
    expect(instance).toMatchObject({ state: "running", problems: [] });
  });

  test("of a guest that refuses to the end its reason is told", async () => {
    const refuses = new EngineError("guest-unreachable", "cannot reach web: its host key is another one");
    world.host.knobs.ready = { refuses };
    const end = await ended(engine, engine.instances.launch({ name: "web", timeoutMs: 1000 }));
    expect(end.error).toMatchObject({
      code: "timed-out",
      hint: expect.stringContaining(
        "cannot reach web: its host key is another one; it took longer than 1 s.",
      ),
    });
  });

  test("the time-out before the guest runs takes everything back", async () => {
    world.images.download = "never";
    const end = await ended(engine, engine.instances.launch({ name: "web", timeoutMs: 1000 }));
    expect(end.error?.code).toBe("timed-out");
    expect(engine.instances.list()).toEqual([]);
  });

  test.each(["download", "create", "start", "ready"] as const)(
    "cancelled in %s, leaves nothing",
    async (phase) => {
      if (phase === "download") world.images.download = "never";
      else world.host.knobs[phase] = "never";
      const reached =
        phase === "download" ? world.images.downloading.promise : world.host.reached(phase, "web");
      const operation = await engine.instances.launch({ name: "web" });
      await reached;
      engine.operations.cancel(operation.id);
      const end = await ended(engine, operation);
      expect(end).toMatchObject({ status: "cancelled", cancellable: false });
      expect(end.error).toBeUndefined();
      expect(engine.instances.list()).toEqual([]);
      expect(world.host.guests.size).toBe(0);
      expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
    },
  );

  test("tells when the guest ends before it is ready", async () => {
    world.host.knobs.ready = "never";
    const operation = await engine.instances.launch({ name: "web" });
    await world.host.reached("ready", "web");
    world.host.end(engine.instances.get("web").id, { how: "guest-shutdown" });
    const end = await ended(engine, operation);
    expect(end.error?.message).toContain("it shut down before it was ready");
    expect(engine.instances.get("web").state).toBe("stopped");
  });

  test("keeps keys and user-data out of the database, the events and the operations", async () => {
    const seen: unknown[] = [];
    const controller = new AbortController();
    const reading = (async () => {
      for await (const event of engine.events.subscribe({}, controller.signal)) seen.push(event);
    })();
    await succeeded(
      engine,
      engine.instances.launch({ name: "web", userData: "#cloud-config\npassword: s3cr3t" }),
    );
    controller.abort();
    await reading;
    await world.close(engine);
    expect(JSON.stringify(seen)).not.toMatch(/canary|s3cr3t/);
    for (const file of (await readdir(world.paths.data)).filter((name) => name.startsWith("berth.db"))) {
      expect(await readFile(path.join(world.paths.data, file), "latin1")).not.toMatch(/canary|s3cr3t/);
    }
    engine = await world.open();
  });
});

describe("power", () => {
  test("stops, starts, restarts; what is so already is a success", async () => {
    await launched("web");
    const first = engine.instances.get("web").startedAt;
    await succeeded(engine, engine.instances.start("web"));
    expect(world.host.calls.filter((call) => call === "start web")).toHaveLength(1);
    await succeeded(engine, engine.instances.stop("web", { force: false }));
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped", ready: false });
    expect(engine.instances.get("web").ssh).toBeUndefined();
    await succeeded(engine, engine.instances.stop("web", { force: false }));
    expect(await codeOf(engine.instances.restart("web"))).toBe("wrong-state");
    await succeeded(engine, engine.instances.start("web"));
    const boot = world.host.named("web")?.bootId;
    await succeeded(engine, engine.instances.restart("web"));
    expect(world.host.named("web")?.bootId).not.toBe(boot);
    expect(engine.instances.get("web")).toMatchObject({ state: "running", ready: true });
    expect(first).toBeDefined();
  });

  test("a failed start leaves it stopped, with the reason until it starts", async () => {
    await launched("web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    world.host.knobs.start = new EngineError("driver-failed", "cannot start web: no room");
    const end = await ended(engine, engine.instances.start("web"));
    expect(end.error?.message).toBe("cannot start web: no room");
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });
    expect(engine.instances.get("web").problems).toMatchObject([{ code: "start-failed" }]);
    delete world.host.knobs.start;
    await succeeded(engine, engine.instances.start("web"));
    expect(engine.instances.get("web").problems).toEqual([]);
  });

  test("a start whose image is gone says so", async () => {
    await launched("web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect(await codeOf(engine.images.remove("default"))).toBe("busy");
    await world.images.prune();
    const { rm } = await import("node:fs/promises");
    await rm(path.join(world.paths.images, "default.qcow2"));
    const end = await ended(engine, engine.instances.start("web"));
    expect(end.error).toMatchObject({ code: "not-found" });
    expect(end.error?.message).toContain("the image that its disk stands on is gone");
  });

  test("a forced stop cuts a pending start, launch, stop or restart short", async () => {
    world.host.knobs.ready = "never";
    const launch = await engine.instances.launch({ name: "web" });
    await world.host.reached("ready", "web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect((await ended(engine, launch)).status).toBe("cancelled");
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });

    const start = await engine.instances.start("web");
    await world.host.reached("ready", "web");
    expect(await codeOf(engine.instances.stop("web", { force: false }))).toBe("busy");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect((await ended(engine, start)).status).toBe("cancelled");

    world.host.knobs.ready = 0;
    world.host.knobs.stop = "never";
    await succeeded(engine, engine.instances.start("web"));
    const stop = await engine.instances.stop("web", { force: false });
    await world.host.reached("stop", "web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect((await ended(engine, stop)).status).toBe("cancelled");
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped", ready: false });
    expect(world.host.guests.size).toBe(0);
  });

  test("asking again joins what is under way", async () => {
    await launched("web");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    world.host.knobs.start = "never";
    const start = await engine.instances.start("web");
    expect((await engine.instances.start("web")).id).toBe(start.id);
    engine.operations.cancel(start.id);
    expect((await ended(engine, start)).status).toBe("cancelled");
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
  });

  test("a cancelled start takes the guest down again; a cancelled stop leaves it up", async () => {
    await launched("web");
    world.host.knobs.stop = "never";
    const stop = await engine.instances.stop("web", { force: false });
    await world.host.reached("stop", "web");
    engine.operations.cancel(stop.id);
    expect((await ended(engine, stop)).status).toBe("cancelled");
    expect(engine.instances.get("web").state).toBe("running");
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    world.host.knobs.ready = "never";
    const start = await engine.instances.start("web");
    await world.host.reached("ready", "web");
    engine.operations.cancel(start.id);
    expect((await ended(engine, start)).status).toBe("cancelled");
    expect(engine.instances.get("web").state).toBe("stopped");
    expect(world.host.guests.size).toBe(0);
  });

  test("an exit is shown at once: a shutdown is no problem, a crash is one", async () => {
    await launched("web");
    world.host.end(engine.instances.get("web").id, { how: "guest-shutdown" });
    expect((await instanceBecomes(engine, "web", (one) => one.state === "stopped")).problems).toEqual([]);
    await succeeded(engine, engine.instances.start("web"));
    world.host.end(engine.instances.get("web").id, { how: "crashed", detail: "killed by signal 9" });
    const crashed = await instanceBecomes(engine, "web", (one) => one.state === "stopped");
    expect(crashed.problems).toMatchObject([{ code: "ended-unexpectedly" }]);
    await succeeded(engine, engine.instances.start("web"));
    expect(engine.instances.get("web").problems).toEqual([]);
  });
});

describe("trash", () => {
  test("delete stops and keeps, recover brings back, purge removes", async () => {
    await launched("web");
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    expect(engine.instances.get("web")).toMatchObject({ state: "deleted" });
    expect(engine.instances.get("web").deletedAt).toBeDefined();
    expect(world.host.guests.size).toBe(0);
    expect(await codeOf(engine.instances.start("web"))).toBe("wrong-state");
    await expect(engine.instances.launch({ name: "web" })).rejects.toMatchObject({
      code: "already-exists",
      message: 'cannot launch web: instance "web" already exists in the trash',
    });
    expect(await codeOf(engine.images.remove("default"))).toBe("busy");
    await succeeded(engine, engine.instances.recover("web"));
    expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });
    expect(engine.instances.get("web").deletedAt).toBeUndefined();
    await succeeded(engine, engine.instances.start("web"));
    expect(await codeOf(engine.instances.purge("web"))).toBe("wrong-state");
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await succeeded(engine, engine.instances.purge("web"));
    expect(engine.instances.list()).toEqual([]);
    expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
    expect(await codeOf(engine.instances.recover("web"))).toBe("not-found");
  });

  test("delete with purge removes at once, pulling the plug", async () => {
    await launched("web");
    await succeeded(engine, engine.instances.delete("web", { purge: true }));
    expect(engine.instances.list()).toEqual([]);
    expect(world.host.calls).toContain("stop web force");
    await launched("web");
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    await succeeded(engine, engine.instances.delete("web", { purge: true }));
    expect(engine.instances.list()).toEqual([]);
  });
});

describe("the rest", () => {
  test("details, logs and the guest", async () => {
    await launched("web");
    const signal = AbortSignal.timeout(5000);
    const facts = await engine.instances.details("web", signal);
    expect(facts).toMatchObject({ hostname: "web", diskAllocatedBytes: 4096 });
    const guest = engine.instances.guest("web");
    expect(await (await guest.exec({ signal }, { argv: ["exit", "3"] })).exited).toEqual({ code: 3 });
    expect((await engine.instances.log("web", "serial", signal)).text).toContain("Booting web");
    expect((await engine.instances.log("web", "cloud-init", signal)).text).toContain("finished");
    world.host.knobs.details = new EngineError("guest-unreachable", "cannot reach web: silence");
    expect(await engine.instances.details("web", signal)).toEqual({
      addresses: [],
      diskAllocatedBytes: 4096,
    });
    await succeeded(engine, engine.instances.stop("web", { force: true }));
    expect(() => engine.instances.guest("web")).toThrow('instance "web" is not running');
    expect(() => engine.instances.get("nobody")).toThrow('instance "nobody" does not exist');
  });

  test("images: pull, build, remove and prune are shown", async () => {
    await succeeded(engine, engine.images.pull("noble"));
    await succeeded(engine, engine.images.build("debian:12"));
    expect((await engine.images.cached()).map(({ id }) => id).sort()).toEqual(["debian-12", "noble"]);
    expect(await engine.images.remove("noble")).toEqual({ freedBytes: 1 });
    expect(await engine.images.prune()).toEqual({ removed: ["debian-12"], freedBytes: 1 });
  });

  test("idle while nothing is under way; draining refuses what is new and waits for the rest", async () => {
    expect(engine.idle).toBe(true);
    const changes: boolean[] = [];
    engine.onDidChangeIdle((idle) => changes.push(idle));
    world.host.knobs.ready = "never";
    const launch = await engine.instances.launch({ name: "web" });
    expect(engine.idle).toBe(false);
    await world.host.reached("ready", "web");
    let drained = false;
    const done = new Promise<void>((resolve) => {
      engine.onDidDrain(() => {
        drained = true;
        resolve();
      });
    });
    engine.drain();
    expect(engine.draining).toBe(true);
    expect(await codeOf(engine.instances.launch({ name: "late" }))).toBe("engine-unavailable");
    expect(await codeOf(engine.images.pull("late"))).toBe("engine-unavailable");
    expect(drained).toBe(false);
    engine.operations.cancel(launch.id);
    await done;
    expect(changes).toEqual([false, true]);
  });

  test("an engine at rest has no timer that would wake it", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    await launched("web");
    await succeeded(engine, engine.instances.restart("web"));
    expect(timers()).toBeLessThanOrEqual(before);
  });

  test("information about engine, host and drivers", async () => {
    const info = await engine.info();
    expect(info).toMatchObject({ id: engine.id, draining: false, host: { cpus: 64 }, problems: [] });
    expect(info.drivers).toMatchObject([{ name: "fake", available: true }]);
    expect(await engine.probe(AbortSignal.timeout(1000))).toHaveLength(1);
  });
});
