/** Calls and processes without asking first who the engine is. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { privateDirectory } from "../../src/base/durable.ts";
import { currentPaths, type Paths } from "../../src/base/paths.ts";
import { connectLate } from "../../src/client/connect.ts";
import { execDirectly } from "../../src/client/direct.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeCore } from "../support/fake-core.ts";

let home: string;
let paths: Paths;
let core: FakeCore;
let server: EngineServer | undefined;
const { signal } = new AbortController();

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-direct-"));
  paths = currentPaths({ ...process.env, BERTH_HOME: home });
  await privateDirectory(paths.run);
  core = new FakeCore();
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(home, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  const { endpoint } = paths;
  server = await startServer({ core, version: "1", endpoint, user: "tester", log: silentLog });
}

const exec = (name: string) => execDirectly(name, { argv: ["sh", "-c", "exit 5"] }, signal, paths);

test("an engine that runs serves it at once", async () => {
  await serve();
  expect(await (await exec("primary"))?.exited).toEqual({ code: 5 });
});

test("where none runs, nothing is started and nothing fails", async () => {
  expect(await exec("primary")).toBeUndefined();
});

test("one that is about to leave declines, so that the next one is waited for", async () => {
  await serve();
  core.drain();
  expect(await exec("primary")).toBeUndefined();
  expect(core.processes).toHaveLength(0);
});

test("what speaks against the command itself is told", async () => {
  await serve();
  await expect(exec("nobody")).rejects.toMatchObject({ code: "not-found" });
});

test("a client that connects late has its first call and its first stream served at once", async () => {
  await serve();
  const client = connectLate({ env: { ...process.env, BERTH_HOME: home } });
  expect((await client.api.instances.list()).items).toHaveLength(1);
  expect(await (await client.exec("primary", { argv: ["sh", "-c", "exit 5"] })).exited).toEqual({ code: 5 });
});
