/** Clients and real engine processes (over a fake core): starting, killing, replacing, following, mirroring. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Operation } from "../../src/api/operation.ts";
import { sleep, withDeadline } from "../../src/base/async.ts";
import { privateDirectory } from "../../src/base/durable.ts";
import { EngineError } from "../../src/base/errors.ts";
import { currentPaths, type Paths } from "../../src/base/paths.ts";
import { isAlive, signalProcess } from "../../src/base/process-identity.ts";
import { startChild } from "../../src/base/run.ts";
import { connect, connectLate } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import { EngineMirror, type MirrorConnection } from "../../src/client/mirror.ts";

const ENGINE = path.resolve(import.meta.dirname, "../support/fake-engine-process.ts");

let home: string;
let paths: Paths;
let env: Record<string, string | undefined>;
const pids = new Set<number>();

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-client-"));
  env = { ...process.env, BERTH_HOME: home };
  paths = currentPaths(env);
});

afterEach(async () => {
  for (const pid of [...pids, ...(await enginesOf(home))]) signalProcess(pid, "SIGKILL");
  for (const pid of pids) await gone(pid);
  pids.clear();
  await rm(home, { recursive: true, force: true });
});

async function start(more: { signal?: AbortSignal } = {}): Promise<ConnectedClient> {
  const client = await connect({ env, engineBundle: ENGINE, ...more });
  pids.add(client.info.pid);
  return client;
}

/** Processes of this test's engines, those included that still find out that another one serves. */
async function enginesOf(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    const environment = /^\d+$/.test(entry)
      ? await readFile(`/proc/${entry}/environ`, "utf8").catch(() => "")
      : "";
    if (environment.split("\0").includes(`BERTH_HOME=${directory}`)) found.push(Number(entry));
  }
  return found;
}

/** Resolves when the process has ended. Node cannot wait for another's child, so this asks. */
async function gone(pid: number, withinMs = 10_000): Promise<void> {
  const deadline = withDeadline(withinMs);
  while (isAlive(pid) && !(await isZombie(pid))) await sleep(10, deadline.signal);
  deadline.done();
}

async function isZombie(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).startsWith("Z");
}

async function until(
  condition: () => boolean,
  subscribe: (check: () => void) => { dispose(): void },
): Promise<void> {
  if (condition()) return;
  await new Promise<void>((resolve) => {
    const subscription = subscribe(() => {
      if (!condition()) return;
      subscription.dispose();
      resolve();
    });
  });
}

describe("connecting", () => {
  test("without an engine and without leave to start one says so at once", async () => {
    await expect(connect({ env })).rejects.toMatchObject({
      code: "engine-unavailable",
      hint: expect.any(String),
    });
  });

  test("starts an engine that others then find, in private places", async () => {
    const first = await start();
    const second = await connect({ env });
    expect(second.info.id).toBe(first.info.id);
    // It is published after it listens, so a client may be there first.
    await expect.poll(() => readFile(paths.engineFile, "utf8").catch(() => "")).not.toBe("");
    const published = JSON.parse(await readFile(paths.engineFile, "utf8"));
    expect(published).toEqual({ id: first.info.id, pid: first.info.pid, version: "0.0.0-fake", protocol: 1 });
    for (const directory of [paths.data, paths.run]) expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of [paths.endpoint.path, paths.log, paths.lock, paths.engineFile])
      expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("ten that start at once end with one engine", { timeout: 60_000 }, async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => start()));
    expect(new Set(clients.map(({ info }) => info.id)).size).toBe(1);
    const losers = (await enginesOf(home)).filter((pid) => pid !== clients[0]?.info.pid);
    for (const pid of losers) await gone(pid);
    const log = await readFile(paths.log, "utf8");
    expect(log.match(/"message":"listening"/g)).toHaveLength(1);
    expect(await readFile(path.join(paths.data, "engine-output.log"), "utf8")).not.toContain("cannot");
  });

  test("the engine's environment has no leaks of an editor", async () => {
    env["VSCODE_PID"] = "1";
    env["NODE_OPTIONS"] = "--no-such-option";
    const { info } = await start();
    const environment = (await readFile(`/proc/${info.pid}/environ`, "utf8")).split("\0");
    expect(environment.filter((entry) => /^(VSCODE_|NODE_OPTIONS)/.test(entry))).toEqual([]);
    expect(environment).toContain("ELECTRON_RUN_AS_NODE=1");
  });

  test("an engine that dies at its start tells why", async () => {
    env["FAKE_FAIL"] = "the disk is on fire";
    await expect(start()).rejects.toMatchObject({
      code: "engine-unavailable",
      message: "cannot start the engine: Error: the disk is on fire",
      hint: expect.stringContaining(paths.log),
    });
  });

  test("a missing runtime is named", async () => {
    const options = { env, engineBundle: ENGINE, execPath: "/no/such/node" };
    await expect(connect(options)).rejects.toMatchObject({ code: "missing-dependency" });
  });

  test("what a killed engine left behind is in nobody's way", async () => {
    const first = await start();
    signalProcess(first.info.pid, "SIGKILL");
    await gone(first.info.pid);
    expect((await stat(paths.endpoint.path)).isSocket()).toBe(true);
    await expect(connect({ env })).rejects.toMatchObject({ code: "engine-unavailable" });
    const second = await start();
    expect(second.info.id).not.toBe(first.info.id);
  });

  test("a file in the socket's place, and one that is no lock", async () => {
    await privateDirectory(paths.run);
    await privateDirectory(paths.data);
    await writeFile(paths.endpoint.path, "not a socket");
    expect((await start()).info.protocol).toBe(1);
    signalProcess([...pids][0] ?? 0, "SIGKILL");
    await gone([...pids][0] ?? 0);
    await writeFile(paths.lock, "no database, but long enough to be looked at as one".repeat(40));
    await expect(start()).rejects.toMatchObject({
      code: "engine-unavailable",
      message: expect.stringContaining("cannot lock the data directory"),
    });
  });

  test("a listener that never answers is not waited for for ever", { timeout: 30_000 }, async () => {
    await privateDirectory(paths.run);
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => void mute.listen(paths.endpoint.path, resolve));
    try {
      await expect(connect({ env })).rejects.toMatchObject({ code: "timed-out" });
    } finally {
      mute.closeAllConnections();
      mute.close();
    }
  });

  test("can be given up", async () => {
    await expect(start({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("an engine of another protocol", () => {
  /** Answers as an engine of that protocol would; drained, it leaves. */
  async function pretend(protocol: number): Promise<{ drained: () => boolean; close: () => void }> {
    await privateDirectory(paths.run);
    let drained = false;
    const close = () => {
      other.close();
      other.closeAllConnections();
    };
    const other = createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      if (request.method === "POST") {
        drained = request.url === "/v1/engine/drain";
        response.end("{}", close);
      } else
        response.end(
          JSON.stringify({ id: crypto.randomUUID(), version: "9", protocol, pid: 1, draining: false }),
        );
    });
    await new Promise<void>((resolve) => void other.listen(paths.endpoint.path, resolve));
    return { drained: () => drained, close };
  }

  test("older: is asked to leave, then replaced", async () => {
    const older = await pretend(0);
    const client = await start();
    expect(older.drained()).toBe(true);
    expect(client.info).toMatchObject({ protocol: 1, version: "0.0.0-fake" });
  });

  test("newer: stays, and the client says what to do", async () => {
    const newer = await pretend(2);
    try {
      await expect(start()).rejects.toMatchObject({
        code: "not-supported",
        hint: expect.stringContaining("Update"),
      });
      expect(newer.drained()).toBe(false);
    } finally {
      newer.close();
    }
  });
});

describe("an engine leaves", () => {
  const lastReason = async () => {
    const lines = (await readFile(paths.log, "utf8")).trim().split("\n");
    return lines.map((line) => JSON.parse(line)).findLast(({ message }) => message === "leaving")?.because;
  };

  test("when it is idle, and takes its traces along; not while a client follows events", async () => {
    env["FAKE_IDLE_SECONDS"] = "1";
    const client = await start();
    const stop = new AbortController();
    const events = client.events(stop.signal)[Symbol.asyncIterator]();
    await events.next();
    await sleep(1500); // Longer than the idle time, to see that it does not leave.
    expect(isAlive(client.info.pid)).toBe(true);
    stop.abort();
    await events.next();
    await gone(client.info.pid);
    expect(await lastReason()).toBe("idle");
    for (const file of [paths.engineFile, paths.endpoint.path])
      await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("when told by a signal", async () => {
    const client = await start();
    signalProcess(client.info.pid, "SIGTERM");
    await gone(client.info.pid);
    expect(await lastReason()).toBe("SIGTERM");
  });

  test("drained: after its last operation, which its waiter still sees end", async () => {
    const client = await start();
    const operation = await client.api.instances.start({ name: "work-700ms" });
    const watched = client.watchOperation(operation);
    await client.api.engine.drain();
    await expect(client.api.instances.start({ name: "primary" })).rejects.toMatchObject({
      code: "engine-unavailable",
    });
    expect(await watched).toMatchObject({ id: operation.id, status: "succeeded" });
    await gone(client.info.pid);
    expect(await lastReason()).toBe("drained");
  });

  test("while it still drains, a new client waits for the next one", async () => {
    const first = await start();
    await first.api.instances.start({ name: "work-1000ms" });
    await first.api.engine.drain();
    const second = await start();
    expect(second.info.id).not.toBe(first.info.id);
    expect(isAlive(first.info.pid) && !(await isZombie(first.info.pid))).toBe(false);
  });

  test("a second engine started by hand leaves quietly", async () => {
    await start();
    const second = startChild([process.execPath, ENGINE], { env: { BERTH_HOME: home } });
    second.stdout.resume();
    let words = "";
    second.stderr.on("data", (chunk: Buffer) => {
      words += chunk;
    });
    expect(await second.exited).toEqual({ code: 0, signal: null });
    expect(words).not.toContain("cannot");
  });
});

describe("a client that connects late", () => {
  const late = () => connectLate({ env, engineBundle: ENGINE });

  test("starts one engine for all of its first calls where none runs", async () => {
    const client = late();
    const hellos = await Promise.all([1, 2, 3].map(() => client.api.engine.hello()));
    for (const { pid } of hellos) pids.add(pid);
    expect(new Set(hellos.map(({ id }) => id)).size).toBe(1);
    expect(await enginesOf(home)).toEqual([hellos[0]?.pid]);
  });

  test("leaves one alone that drains, and waits for the next", async () => {
    const first = await start();
    await first.api.instances.start({ name: "work-1000ms" });
    await first.api.engine.drain();
    const operation = await late().api.instances.launch({ name: "web-50ms" });
    const second = await start();
    expect(second.info.id).not.toBe(first.info.id);
    expect(await second.api.operations.get({ id: operation.id })).toMatchObject({ target: "web-50ms" });
  });

  test("is told that none runs where it may start none", async () => {
    await expect(connectLate({ env }).api.instances.list()).rejects.toMatchObject({
      details: { reason: "not-running" },
    });
  });
});

describe("following an operation", () => {
  test("tells progress and ends with it", async () => {
    const client = await start();
    const operation = await client.api.instances.launch({ name: "web-50ms" });
    expect(await client.watchOperation(operation)).toMatchObject({ status: "succeeded" });
    expect(await client.watchOperation(await client.api.operations.get({ id: operation.id }))).toMatchObject({
      status: "succeeded",
    });
  });

  test("aborting cancels it on the engine", async () => {
    const client = await start();
    const operation = await client.api.instances.launch({ name: "web" });
    const stop = new AbortController();
    const watched = client.watchOperation(operation, { signal: stop.signal });
    stop.abort();
    await expect(watched).rejects.toMatchObject({ code: "cancelled" });
    expect((await client.api.operations.get({ id: operation.id })).status).toBe("cancelled");
  });

  test("an unknown one is not found", async () => {
    const client = await start();
    const operation = await client.api.instances.launch({ name: "web" });
    const unknown: Operation = { ...operation, id: crypto.randomUUID() };
    await expect(client.watchOperation(unknown)).rejects.toMatchObject({ code: "not-found" });
  });

  test("survives the death of the engine: the next one goes on with it", async () => {
    const client = await start();
    const operation = await client.api.instances.launch({ name: "web-600ms" });
    const watched = client.watchOperation(operation);
    signalProcess(client.info.pid, "SIGKILL");
    expect(await watched).toMatchObject({ id: operation.id, status: "succeeded" });
    pids.add((await connect({ env })).info.pid);
  });
});

describe("EngineMirror", () => {
  let mirror: EngineMirror;
  let states: MirrorConnection["state"][];
  let attempts: number;

  beforeEach(() => {
    states = [];
    attempts = 0;
    const connectOnce = (signal: AbortSignal) => {
      attempts += 1;
      return start({ signal });
    };
    mirror = new EngineMirror({ connect: connectOnce, retryDelaysMs: [50, 100, 200] });
    mirror.onDidChangeConnection(({ state }) => states.push(state));
  });

  afterEach(() => mirror.dispose());

  const operations = () => [...mirror.operations.values()];

  test("starts nothing until it is asked", () => {
    expect(mirror.connection.state).toBe("idle");
    expect(attempts).toBe(0);
  });

  test("is complete once connected, then follows", async () => {
    const [client, same] = await Promise.all([mirror.client(), mirror.client()]);
    expect(same).toBe(client);
    expect(states).toEqual(["connecting", "connected"]);
    expect([...mirror.instances.values()].map(({ name }) => name)).toEqual(["primary"]);
    const { id } = await client.api.instances.launch({ name: "web-20ms" });
    await until(() => mirror.operations.get(id)?.status === "succeeded", mirror.onDidChangeOperations);
  });

  test("comes back by itself when the engine is killed", async () => {
    const before = await mirror.client();
    await before.api.instances.launch({ name: "web-300ms" });
    await until(() => operations().length === 1, mirror.onDidChangeOperations);
    signalProcess(before.info.pid, "SIGKILL");
    await until(() => states.length >= 5, mirror.onDidChangeConnection);
    expect(states).toEqual(["connecting", "connected", "unavailable", "connecting", "connected"]);
    const after = await mirror.client();
    expect(after.info.id).not.toBe(before.info.id);
    await until(
      () => operations().some(({ status }) => status === "succeeded"),
      mirror.onDidChangeOperations,
    );
  });

  test("gives up after some attempts, says why, and tries again when asked", async () => {
    env["FAKE_FAIL"] = "no luck";
    await expect(mirror.client()).rejects.toMatchObject({ message: expect.stringContaining("no luck") });
    await until(
      () => attempts === 4 && mirror.connection.state === "unavailable",
      mirror.onDidChangeConnection,
    );
    expect(mirror.connection.error).toBeInstanceOf(EngineError);
    delete env["FAKE_FAIL"];
    expect((await mirror.client()).info.protocol).toBe(1);
    expect(attempts).toBe(5);
  });

  test("disposed, it leaves nothing open", async () => {
    const client = await mirror.client();
    mirror.dispose();
    await expect(mirror.client()).rejects.toMatchObject({ code: "cancelled" });
    await expect(client.api.instances.list()).rejects.toMatchObject({ code: "cancelled" });
    signalProcess(client.info.pid, "SIGTERM");
    await gone(client.info.pid);
    expect(attempts).toBe(1);
  });
});
