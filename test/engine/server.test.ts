/** The server over a real socket, spoken to as a stranger would: plain HTTP, and the typed client. */
import { stat } from "node:fs/promises";
import { request } from "node:http";
import { connect as connectSocket } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineEvent } from "../../src/api/event.ts";
import { deferred } from "../../src/base/async.ts";
import type { Endpoint } from "../../src/base/paths.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import type { Log } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeCore, fakeInstance } from "../support/fake-core.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

let served: FakeServer;
let endpoint: Endpoint;
let core: FakeCore;
let server: EngineServer;
let client: ConnectedClient;
let records: [string, Record<string, unknown>][];

beforeEach(async () => {
  records = [];
  served = await fakeServer({ core: new FakeCore({ eventCapacity: 8 }), version: "1.2.3", log: recorder() });
  ({ endpoint, core, server, client } = served);
});
afterEach(() => served.dispose());

function recorder(): Log {
  const write = (message: string, facts: Record<string, unknown> = {}) => void records.push([message, facts]);
  return { error: write, warn: write, info: write, debug: write, with: recorder };
}

type Answer = { status: number; body: unknown };

function ask(method: string, url: string, options: { headers?: Record<string, string>; body?: string } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const asked = request(
      { socketPath: endpoint.path, path: url, method, headers: { host: "localhost", ...options.headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: text ? JSON.parse(text) : undefined }),
        );
      },
    );
    asked.on("error", reject);
    asked.end(options.body);
  });
}

const JSON_TYPE = { "content-type": "application/json" };

test("only the engine's user may open the socket", async () => {
  expect((await stat(endpoint.path)).mode & 0o777).toBe(0o600);
  expect((await stat(path.dirname(endpoint.path))).mode & 0o777).toBe(0o700);
});

test("says who it is", () => {
  expect(client.info).toMatchObject({
    id: core.id,
    version: "1.2.3",
    protocol: 1,
    pid: process.pid,
    draining: false,
  });
});

describe("procedures", () => {
  test("read", async () => {
    expect((await client.api.instances.list()).items.map(({ name }) => name)).toEqual(["primary"]);
    expect(await client.api.instances.log({ name: "primary" })).toEqual({ text: "serial log" });
    expect(await client.api.settings.set({ "engine.idle-seconds": 77 })).toMatchObject({
      "engine.idle-seconds": 77,
    });
    await client.api.images.find({ query: "no", unsupported: false });
    await client.api.images.find({ query: "yes", unsupported: true, arch: "aarch64" });
    expect(core.calls).toEqual([
      '{"text":"no","unsupported":false,"refresh":false}',
      '{"text":"yes","unsupported":true,"arch":"aarch64","refresh":false}',
    ]);
  });

  test("mutations are recorded with who, what and how it went; data is not", async () => {
    await client.api.instances.launch({ name: "web", userData: "password: hunter2" });
    await client.api.instances.stop({ name: "primary", force: true });
    core.drain();
    await client.api.instances.start({ name: "primary" }).catch(() => {});
    const audit = records.filter(([, facts]) => facts["audit"]);
    expect(audit).toEqual([
      ["accepted", { audit: true, by: "tester", procedure: "instances.launch", target: "web" }],
      ["accepted", { audit: true, by: "tester", procedure: "instances.stop", target: "primary" }],
      [
        "refused",
        {
          audit: true,
          by: "tester",
          procedure: "instances.start",
          target: "primary",
          code: "engine-unavailable",
        },
      ],
    ]);
    expect(JSON.stringify(records)).not.toContain("hunter2");
    expect(core.operations.list().map(({ target }) => target)).toEqual(["web", "primary by force"]);
  });

  test("names travel whole", async () => {
    for (const name of ["a b", "ü/..", "%2e%2e", "check"]) {
      core.put(fakeInstance(name));
      expect((await client.api.instances.get({ name })).name).toBe(name);
    }
  });
});

describe("errors", () => {
  test("keep code, message, hint and details", async () => {
    await expect(client.api.instances.get({ name: "nope" })).rejects.toMatchObject({
      name: "EngineError",
      code: "not-found",
      message: "cannot find nope: there is no such instance",
      hint: "`berth list` shows them.",
      details: { known: ["primary"] },
    });
    expect(await ask("GET", "/v1/instances/nope")).toMatchObject({
      status: 404,
      body: { code: "not-found" },
    });
  });

  test("what nobody foresaw is told to the log, not to the client", async () => {
    const error = await client.api.instances.details({ name: "bug" }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "internal", hint: "The engine's log has the details." });
    expect(JSON.stringify(await ask("GET", "/v1/instances/bug/details"))).not.toContain("secret internals");
    const logged = records.find(([message]) => message === "a request failed unexpectedly");
    expect(logged?.[1]["error"]).toMatchObject({ message: "secret internals" });
  });

  test("a bad request is one readable sentence", async () => {
    await expect(client.api.instances.launch({ name: "-x", cpus: 0 })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/name: Invalid instance name supplied\..*; cpus: Too small/),
    });
    const cases: [string, string | undefined, Record<string, string>, RegExp][] = [
      ["malformed", "{", JSON_TYPE, /not valid JSON/],
      [
        "another type",
        "name=x",
        { "content-type": "application/x-www-form-urlencoded" },
        /not application\/json/,
      ],
      ["a form, as a page may send", "x", { "content-type": "text/plain" }, /not application\/json/],
      ["an unknown key", '{"nam":"x"}', JSON_TYPE, /nam/],
      ["no object", "[]", JSON_TYPE, /expected object/],
      ["nothing", undefined, {}, /expected object/],
      ["an empty chunked body", "", { "transfer-encoding": "chunked" }, /expected object/],
    ];
    for (const [, body, headers, words] of cases) {
      const answer = await ask("POST", "/v1/instances", { headers, ...(body === undefined ? {} : { body }) });
      expect(answer).toMatchObject({
        status: 400,
        body: { code: "invalid-argument", message: expect.stringMatching(words) },
      });
    }
    expect(core.operations.list()).toEqual([]);
  });

  test("unknown paths and methods", async () => {
    for (const [method, url] of [
      ["GET", "/"],
      ["GET", "/v2/instances"],
      ["PUT", "/v1/instances"],
      ["OPTIONS", "/v1/instances"],
      ["GET", "/v1/operations/not-a-uuid/else"],
    ] as const)
      expect(await ask(method, url)).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect(await ask("GET", "/v1/operations/not-a-uuid")).toMatchObject({ status: 400 });
  });
});

describe("strangers", () => {
  test("pages and rebound names are turned away", async () => {
    for (const headers of [{ origin: "http://localhost" }, { host: "evil.example" }]) {
      expect(await ask("GET", "/v1/instances", { headers })).toMatchObject({ status: 403 });
    }
    const body = '{"name":"x"}';
    expect(
      await ask("POST", "/v1/instances", { headers: { ...JSON_TYPE, origin: "null" }, body }),
    ).toMatchObject({
      status: 403,
    });
    expect(core.operations.list()).toEqual([]);
  });

  test("a body that is too large is refused, announced or not", async () => {
    const body = JSON.stringify({ userData: "x".repeat(3 * 2 ** 20) });
    const announced = { ...JSON_TYPE, "content-length": String(Buffer.byteLength(body)) };
    for (const headers of [announced, { ...JSON_TYPE, "transfer-encoding": "chunked" }]) {
      const answer = await ask("POST", "/v1/instances", { headers, body }).catch((error) => error);
      // The engine answers and closes; a client that is still sending may see the close first.
      if (answer instanceof Error)
        expect(answer).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) });
      else expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining("2 MiB") } });
    }
    expect(core.operations.list()).toEqual([]);
    expect((await client.api.instances.list()).items).toHaveLength(1);
  });

  test("what is not HTTP ends that connection only", async () => {
    const closed = deferred<void>();
    const socket = connectSocket(endpoint.path, () => void socket.end("\u0000garbage\r\n\r\n"));
    socket.resume().on("close", () => closed.resolve());
    await closed.promise;
    expect((await client.api.instances.list()).items).toHaveLength(1);
  });

  test("where a token is needed, nothing works without it", async () => {
    const other: Endpoint = { kind: "unix", path: path.join(path.dirname(endpoint.path), "token.sock") };
    const guarded = await startServer({
      core,
      version: "1",
      endpoint: other,
      user: "t",
      token: "abc",
      log: recorder(),
    });
    try {
      const status = (headers: Record<string, string>) =>
        new Promise((resolve) => {
          request({
            socketPath: other.path,
            path: "/v1/instances",
            headers: { host: "localhost", ...headers },
          })
            .on("response", (response) => resolve(response.resume().statusCode))
            .end();
        });
      expect(await status({})).toBe(401);
      expect(await status({ authorization: "Bearer abd" })).toBe(401);
      expect(await status({ authorization: "Bearer abc" })).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe("events", () => {
  async function take(events: AsyncIterable<EngineEvent>, count: number): Promise<EngineEvent[]> {
    const taken: EngineEvent[] = [];
    for await (const event of events) if (taken.push(event) === count) break;
    return taken;
  }

  test("begin with resync, then follow; they go on from where a client was", async () => {
    const stop = new AbortController();
    const live = await client.api.events.subscribe({}, { signal: stop.signal });
    const [resync] = await take(live, 1);
    if (resync?.type !== "resync") throw new Error("no resync first");
    core.put(fakeInstance("one"));
    core.put(fakeInstance("two"));
    stop.abort();
    const from = { engine: resync.engine, since: resync.sequence + 1 };
    const again = await client.api.events.subscribe(from, { signal: new AbortController().signal });
    expect(await take(again, 1)).toMatchObject([{ type: "instance", instance: { name: "two" } }]);
  });

  test("a client of an earlier engine, or one too far behind, is told to list", async () => {
    for (let n = 0; n < 20; n += 1) core.put(fakeInstance("busy"));
    for (const from of [
      { engine: core.id, since: 1 },
      { engine: crypto.randomUUID(), since: 20 },
    ]) {
      const stop = new AbortController();
      const events = await client.api.events.subscribe(from, { signal: stop.signal });
      expect(await take(events, 1)).toMatchObject([{ type: "resync", engine: core.id }]);
      stop.abort();
    }
  });

  test("a subscription ends when its client goes, and then nothing is open", async () => {
    const stop = new AbortController();
    const events = client.events(stop.signal)[Symbol.asyncIterator]();
    await events.next();
    expect(server.busy).toBe(true);
    const free = deferred<void>();
    server.onDidChangeBusy((busy) => busy || free.resolve());
    stop.abort();
    expect(await events.next()).toMatchObject({ done: true });
    await free.promise;
  });

  test("a subscription ends when the engine leaves", async () => {
    const events = client.events(new AbortController().signal)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    await server.close();
    expect(await next).toMatchObject({ done: true });
  });
});

test("an aborted call ends on the engine too", async () => {
  const stop = new AbortController();
  const hanging = client.api.instances.details({ name: "hangs" }, { signal: stop.signal });
  const free = deferred<void>();
  server.onDidChangeBusy((busy) => (busy ? stop.abort() : free.resolve()));
  await expect(hanging).rejects.toMatchObject({ code: "cancelled" });
  await free.promise;
});

test("a leaving engine ends what waits, with a reason", async () => {
  const { id } = await client.api.instances.start({ name: "primary" });
  const waiting = client.api.operations.wait({ id });
  const busy = deferred<void>();
  server.onDidChangeBusy((is) => is && busy.resolve());
  await busy.promise;
  void server.close();
  await expect(waiting).rejects.toMatchObject({ code: "engine-unavailable" });
});
