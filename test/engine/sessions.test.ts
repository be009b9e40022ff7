/** Sessions over the engine's API and a fake driver: they outlive their clients, and nothing else. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SessionRequest } from "../../src/api/session.ts";
import { privateDirectory } from "../../src/base/durable.ts";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient, RemoteProcess } from "../../src/client/engine-client.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { MAX_SESSIONS } from "../../src/engine/instances/sessions.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await privateDirectory(world.paths.run);
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "1", endpoint, user: "tester", log: silentLog });
  client = await connect({ env: { ...process.env, BERTH_HOME: world.root } });
  await succeeded(engine, engine.instances.launch({ name: "web" }));
});
afterEach(async () => {
  client.dispose();
  await server.close();
  await world.dispose();
});

const tty = { cols: 80, rows: 24 };
const open = (session: SessionRequest, name = "web") => client.exec(name, { argv: ["cat"], tty, session });
const list = async () => (await client.api.sessions.list({ name: "web" })).items;

/** Leaves as a window does that is reloaded. */
async function leave(process: RemoteProcess): Promise<void> {
  const attached = async () => (await list()).filter((one) => one.attached).length;
  const before = await attached();
  process.exited.catch(() => {});
  process.close();
  await expect.poll(attached).toBe(before - 1);
}

async function says(process: RemoteProcess, wanted: string): Promise<void> {
  let text = "";
  process.stdout.on("data", (chunk: Buffer) => {
    text += String(chunk);
  });
  await expect.poll(() => text).toBe(wanted);
}

test("a shell survives its client, with what it has shown, and keeps the engine from leaving", async () => {
  const id = randomUUID();
  const first = await open({ id });
  first.stdin.write("before\n");
  await says(first, "before\n");
  expect(engine.idle).toBe(false);
  await leave(first);
  expect(await list()).toEqual([
    { id, attached: false, argv: ["cat"], startedAt: expect.any(String), detachedAt: expect.any(String) },
  ]);
  expect(engine.idle).toBe(false);

  const second = await open({ id, resume: true });
  second.stdin.write("after\n");
  await says(second, "before\nafter\n");
  second.stdin.end();
  expect(await second.exited).toEqual({ code: 0 });
  expect(await list()).toEqual([]);
  expect(engine.idle).toBe(true);
  await expect(open({ id, resume: true })).rejects.toMatchObject({ code: "not-found" });
});

test("a session follows its instance to another name, and is nobody else's", async () => {
  await succeeded(engine, engine.instances.launch({ name: "db" }));
  const id = randomUUID();
  await leave(await open({ id }));
  await expect(open({ id, resume: true }, "db")).rejects.toMatchObject({ code: "not-found" });
  await expect(client.api.sessions.end({ name: "db", id })).rejects.toMatchObject({ code: "not-found" });
  await expect(open({ id })).rejects.toMatchObject({ code: "already-exists" });
  expect(await list()).toHaveLength(1);
});

test("it is ended by name, and its terminal is told", async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  const attached = await open({ id: one });
  await leave(await open({ id: two }));
  const told = expect(attached.exited).rejects.toMatchObject({ message: "the session was closed" });
  expect((await client.api.sessions.end({ name: "web", id: one })).items).toMatchObject([{ id: two }]);
  await told;
  expect((await client.api.sessions.end({ name: "web", id: two })).items).toEqual([]);
  await expect(client.api.sessions.end({ name: "web", id: two })).rejects.toMatchObject({
    code: "not-found",
  });
  expect(engine.idle).toBe(true);
});

test("stopping the instance ends its sessions, attached or not", async () => {
  const attached = await open({ id: randomUUID() });
  await leave(await open({ id: randomUUID() }));
  const told = expect(attached.exited).rejects.toMatchObject({ code: "guest-unreachable" });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await told;
  expect(await list()).toEqual([]);
  expect(engine.idle).toBe(true);
});

test("what cannot be opened is refused, and takes no place", async () => {
  const id = randomUUID();
  const refused = (more: object) => client.exec("web", { argv: ["cat"], ...more });
  await expect(refused({ session: { id } })).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(refused({ tty, session: { id: "x" } })).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(refused({ tty, session: { id, keepSeconds: 0 } })).rejects.toMatchObject({
    code: "invalid-argument",
  });
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  await expect(open({ id })).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.start("web"));
  expect(await list()).toEqual([]);
  expect(engine.idle).toBe(true);
  await leave(await open({ id }));
});

test("an instance has so many sessions, and no more", async () => {
  for (let n = 0; n < MAX_SESSIONS; n += 1) await open({ id: randomUUID() });
  await expect(open({ id: randomUUID() })).rejects.toMatchObject({ code: "no-resources" });
  const [first] = await list();
  await client.api.sessions.end({ name: "web", id: first?.id ?? "" });
  await open({ id: randomUUID() });
  expect(await list()).toHaveLength(MAX_SESSIONS);
});
