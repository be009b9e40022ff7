/** Containers that others have made: listed, adopted as they are, and let go of again. */
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeRuntime, openWithContainers } from "../support/fake-containers.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { foreignContainer } from "../support/fake-foreign-containers.ts";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;

const open = () => openWithContainers(world, runtime);
const signal = AbortSignal.timeout(60_000);
const put = (name: string, more = {}) => {
  const found = foreignContainer(name, more);
  runtime.others.set(found.id, found);
  return found;
};
const adopt = async (container: string, more = {}) =>
  engine.foreignContainers.adopt({ container, ...more }, signal);
const names = async () => (await engine.foreignContainers.list({}, signal)).map(({ name }) => name);

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  engine = await open();
});
afterEach(() => world.dispose());

test("what others have made is listed, and what is of instances is not", async () => {
  put("db");
  put("cache", { runtime: "podman", state: "stopped" });
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));
  expect(await names()).toEqual(["cache", "db"]);
  expect(await engine.foreignContainers.list({ runtime: "podman" }, signal)).toMatchObject([
    { name: "cache", state: "stopped", image: "postgres:16", otherBerth: false },
  ]);
});

test("one is adopted as it is: neither made nor started, with what is known of how it was made", async () => {
  const { id } = put("my_db.1");
  await succeeded(engine, adopt("my_db.1"));
  expect(engine.instances.get("my-db-1")).toMatchObject({
    ...{ kind: "container", state: "running", cpus: 2, memoryBytes: 2 ** 28, ports: [{ hostPort: 18_123 }] },
    container: { adopted: true, runtime: "docker", command: ["serve"], env: ["PASSWORD"] },
  });
  expect(JSON.stringify(engine.instances.list())).not.toContain("canary");
  expect(await names()).toEqual([]);
  expect(runtime.host.calls).not.toContain("start my-db-1");
  await succeeded(engine, engine.instances.stop("my-db-1", { force: false }));
  await succeeded(engine, engine.instances.start("my-db-1"));
  expect(runtime.made.get("my-db-1")?.container?.adopted).toBe(id);
});

test("a stopped one is adopted stopped, by the beginning of its id and under another name", async () => {
  const { id } = put("cache", { state: "stopped" });
  await succeeded(engine, adopt(id.slice(0, 8), { name: "store" }));
  expect(engine.instances.get("store").state).toBe("stopped");
});

test.each([
  ["one that is not there", "nothing", {}, "not-found", /there is no such container/],
  ["one of two names alike", "twin", {}, "invalid-argument", /2 containers/],
  ["an instance of another Berth", "theirs", {}, "permission-denied", /another Berth/],
  ["a name that is taken", "db", { name: "vm" }, "already-exists", /vm/],
  ["no name at all", "123", {}, "invalid-argument", /Invalid instance name/],
])("refused in words: %s", async (_what, container, more, code, message) => {
  put("db");
  put("123");
  put("theirs", { otherBerth: true });
  put("twin");
  put("twin", { runtime: "podman", id: "f".repeat(64) });
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  await expect(adopt(container, more)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test("nothing that would make it anew is done to it, and a clone is ours", async () => {
  put("db", { state: "stopped" });
  await succeeded(engine, adopt("db"));
  const { instances, ports } = engine;
  const refused = { code: "not-supported", hint: expect.stringContaining("berth clone db") };
  await expect(instances.update("db", { memoryBytes: 2 ** 30 })).rejects.toMatchObject(refused);
  await expect(
    ports.add("db", { protocol: "tcp", hostAddress: "127.0.0.1", guestPort: 81 }),
  ).rejects.toMatchObject(refused);
  await succeeded(engine, engine.snapshots.take("db", { name: "one", comment: "" }));
  await expect(engine.snapshots.restore("db", "one", { destructive: true })).rejects.toMatchObject(refused);
  await succeeded(engine, instances.clone("db", "copy"));
  expect(instances.get("copy").container?.adopted).toBeUndefined();
  await succeeded(engine, instances.update("copy", { memoryBytes: 2 ** 30 }));
});

test("what is released goes on as it is, and is another's again, whoever made it", async () => {
  put("db");
  await succeeded(engine, adopt("db"));
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));
  await succeeded(engine, engine.instances.release("db"));
  await succeeded(engine, engine.instances.release("web"));
  expect(engine.instances.list()).toEqual([]);
  expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
  expect(await names()).toEqual(["berth-web", "db"]);
  expect(runtime.host.calls.filter((call) => /^(delete|stop)/.test(call))).toEqual([]);
  for (const [container, name] of [
    ["db", "db"],
    ["berth-web", "web"],
  ] as const) {
    await succeeded(engine, adopt(container, { name }));
    await succeeded(engine, engine.instances.delete(name, { purge: true }));
  }
  expect(await names()).toEqual([]);
});

test("they are told of as they come and go, and as they become instances", async () => {
  const watching = new AbortController();
  const lists = engine.foreignContainers.watch(watching.signal)[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await lists.next();
    return done ? [] : value.map(({ name }) => name);
  };
  expect(await next()).toEqual([]);
  put("db");
  runtime.listed.fire();
  expect(await next()).toEqual(["db"]);
  await succeeded(engine, adopt("db"));
  expect(await next()).toEqual([]);
  await succeeded(engine, engine.instances.release("db"));
  expect(await next()).toEqual(["db"]);
  runtime.available = false;
  runtime.listed.fire();
  expect(await next()).toEqual([]);
  runtime.available = true;
  runtime.listed.fire();
  expect(await next()).toEqual(["db"]);
  const last = next();
  watching.abort();
  expect(await last).toEqual([]);
  expect(runtime.listed.listenerCount).toBe(0);
});

test("where no runtime runs, whoever wants to watch is told", async () => {
  runtime.available = false;
  const lists = engine.foreignContainers.watch(signal)[Symbol.asyncIterator]();
  await expect(lists.next()).rejects.toMatchObject({ code: "missing-dependency" });
  expect(runtime.listed.listenerCount).toBe(0);
});

test("what one prints is read, whoever's it is, and never that of an instance", async () => {
  const { id } = put("theirs", { otherBerth: true });
  runtime.print(id, "hello");
  const read = (container: string) => engine.foreignContainers.logs({ container }, {}, signal);
  expect(await text(await read("theirs"))).toBe("hello\n");
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));
  await expect(read("berth-web")).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringMatching(/^cannot read the log of berth-web: there is no such container/),
  });
});

test("a VM is not released, nor what has snapshots", async () => {
  await succeeded(engine, engine.instances.launch({ name: "vm" }));
  await expect(engine.instances.release("vm")).rejects.toMatchObject({ code: "not-supported" });
  put("db", { state: "stopped" });
  await succeeded(engine, adopt("db"));
  await succeeded(engine, engine.snapshots.take("db", { name: "one", comment: "" }));
  await expect(engine.instances.release("db")).rejects.toMatchObject({ code: "wrong-state" });
});

test("an adoption that fails leaves no instance, and the container as it is", async () => {
  put("db");
  runtime.host.knobs.adopt = new Error("broken");
  expect(await ended(engine, adopt("db"))).toMatchObject({ status: "failed" });
  expect(engine.instances.list()).toEqual([]);
  expect(await world.leftovers()).toEqual({ instances: [], trash: [] });
  expect(await names()).toEqual(["db"]);
  expect(runtime.host.calls).toEqual([]);
});

test("another engine goes on with an adoption, and finds what was adopted", async () => {
  put("db");
  runtime.host.knobs.adopt = "never";
  const { id } = await adopt("db");
  await runtime.host.reached("adopt", "db");
  world.forget(engine);
  await engine.close();
  delete runtime.host.knobs.adopt;
  engine = await open();
  expect(await engine.operations.wait(id, signal)).toMatchObject({ kind: "adopt", status: "succeeded" });
  expect(engine.instances.get("db")).toMatchObject({ state: "running", container: { adopted: true } });
  await world.close(engine);
  engine = await open();
  expect(engine.instances.get("db")).toMatchObject({ state: "running", container: { adopted: true } });
  expect(runtime.host.violations).toEqual([]);
});
