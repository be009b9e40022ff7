/** Serial consoles of guests of the fake driver, through the engine's own socket. */
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { abortable, deferred } from "../../src/base/async.ts";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient, RemoteConnection, RemoteProcess } from "../../src/client/engine-client.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let core: EngineCore;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  world = await FakeWorld.make();
  await serve();
});

afterEach(async () => {
  await leave();
  await world.dispose();
});

/** An engine on the world, and a client of it. */
async function serve(): Promise<void> {
  core = await world.open();
  const { endpoint } = world.paths;
  server = await startServer({ core, version: "1", endpoint, user: "tester", log: silentLog });
  client = await connect({ env: { ...process.env, BERTH_HOME: world.root } });
}

async function leave(): Promise<void> {
  await server.close();
  client.dispose();
  await world.close(core);
}

async function open(name = "web", historyBytes?: number): Promise<RemoteConnection> {
  const console = await client.console(name, historyBytes === undefined ? {} : { historyBytes });
  console.exited.catch(() => {});
  onTestFinished(() => console.close());
  return console;
}

/** Reads until these words have come; resolves with all of it. */
async function reads({ stdout }: RemoteConnection, words: string): Promise<string> {
  let all = "";
  const found = deferred<void>();
  const look = (chunk: Buffer) => {
    all += chunk.toString("latin1");
    if (all.includes(words)) found.resolve();
  };
  stdout.on("data", look).resume();
  await abortable(found.promise, AbortSignal.timeout(20_000));
  stdout.off("data", look);
  stdout.pause(); // What comes next is for the next reader.
  return all;
}

const serial = () => {
  const guest = world.host.named("web");
  if (!guest) throw new Error("web does not run");
  return guest.serial;
};

test("what is typed arrives, all watchers see it, and a late one gets what was before", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  const one = await open();
  expect(await reads(one, "login: ")).toBe("Booting web\r\n\r\nweb login: ");
  const other = await open("web", 0);
  one.stdin.write("root");
  expect(await reads(other, "root")).toBe("root");
  expect(await reads(await open(), "root")).toBe("Booting web\r\n\r\nweb login: root");
  other.stdin.end("\r");
  expect(await reads(one, "web login: ")).toContain("root\r\nweb login: ");
  expect(serial().collisions).toBe(0);
});

test("what only terminals have (sizes, signals) is no harm to it", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  const console = (await open()) as RemoteProcess;
  console.resize({ cols: 1, rows: 1 });
  console.signal("KILL");
  console.stdin.write("still here");
  expect(await reads(console, "still here")).toContain("web login: ");
});

test("a guest that boots, and may never be ready, can be talked to", async () => {
  world.host.knobs.ready = "never";
  await core.instances.launch({ name: "web" });
  await world.host.reached("ready", "web");
  expect(core.instances.get("web").state).toBe("starting");
  const console = await open();
  console.stdin.write("help");
  await reads(console, "help");
  await succeeded(core, core.instances.stop("web", { force: true }));
});

test("one that is about to start is waited for, and one that does not start after all is not", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  await succeeded(core, core.instances.stop("web", { force: false }));
  world.host.knobs.start = 300;
  const start = await core.instances.start("web");
  await world.host.reached("start", "web");
  expect(await reads(await open(), "login: ")).toContain("Booting web");
  await succeeded(core, start);

  world.host.knobs.start = "never";
  const launch = await core.instances.launch({ name: "late" });
  await world.host.reached("start", "late");
  const waiting = client.console("late", {});
  waiting.catch(() => {});
  core.operations.cancel(launch.id);
  await expect(waiting).rejects.toMatchObject({
    code: "wrong-state",
    message: expect.stringContaining("is not running"),
  });
});

test("it ends when the guest does, and is refused with the next step while it does not run", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  const console = await open();
  await reads(console, "login: ");
  serial().print("Power down.");
  const stop = core.instances.stop("web", { force: false });
  expect(await text(console.stdout)).toBe("Power down.");
  expect(await console.exited).toEqual({ code: 0 });
  await succeeded(core, stop);
  await expect(client.console("web", {})).rejects.toMatchObject({
    code: "wrong-state",
    message: 'cannot open the console of web: instance "web" is not running',
    hint: "Start it: berth start web",
  });
  await expect(client.console("nope", {})).rejects.toMatchObject({ code: "not-found" });
  await expect(client.console("web", { historyBytes: -1 })).rejects.toMatchObject({
    code: "invalid-argument",
  });
});

test("a guest that an earlier version started without one says what to do", async () => {
  world.host.withConsole = false;
  await succeeded(core, core.instances.launch({ name: "web" }));
  await expect(client.console("web", {})).rejects.toMatchObject({
    code: "not-supported",
    hint: "Restart it once: berth restart web",
  });
  world.host.withConsole = true;
  await succeeded(core, core.instances.restart("web"));
  await reads(await open(), "login: ");
});

test("an engine that leaves lets go, and the next one finds the guest's port again", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  const before = await open();
  before.stdin.write("first");
  await reads(before, "first");
  await server.close();
  await expect(before.exited).rejects.toMatchObject({ code: "engine-unavailable" });
  await leave();
  serial().print(" unseen");
  await serve();
  await instanceBecomes(core, "web", ({ state }) => state === "running");
  const after = await open();
  after.stdin.write(" second");
  expect(await reads(after, "second")).toBe("Booting web\r\n\r\nweb login: first unseen second");
  expect(serial().collisions).toBe(0);
});

test("a connection that is lost while the guest runs on can be opened again", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  await reads(await open(), "login: ");
  serial().hangUp();
  await reads(await open(), "login: ");
});

test("nobody holds the engine or the port when all have left, however many come and go at once", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  await expect.poll(() => server.busy).toBe(false);
  for (let round = 0; round < 5; round += 1) {
    const all = await Promise.all(Array.from({ length: 8 }, () => open("web", 0)));
    for (const console of all) console.close();
    await reads(await open(), "login: ");
  }
  expect(serial().collisions).toBe(0);
});
