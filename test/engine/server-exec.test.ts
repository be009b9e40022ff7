/** Exec streams over a real socket: bytes both ways, back-pressure, signals, ends, and hostile clients. */

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { encodeFrame, streamPath } from "../../src/api/frames.ts";
import { deferred, sleep } from "../../src/base/async.ts";
import type { Endpoint } from "../../src/base/paths.ts";
import type { EngineClient, RemoteProcess } from "../../src/client/engine-client.ts";
import type { EngineServer } from "../../src/engine/server/server.ts";
import type { FakeCore } from "../support/fake-core.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

let served: FakeServer;
let endpoint: Endpoint;
let core: FakeCore;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  served = await fakeServer();
  ({ endpoint, core, server, client } = served);
});
afterEach(() => served.dispose());

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function outcome(process: RemoteProcess) {
  const [stdout, stderr, exit] = await Promise.all([
    textOf(process.stdout),
    textOf(process.stderr),
    process.exited,
  ]);
  return { stdout, stderr, exit };
}

describe("a process", () => {
  test("has its outputs apart, and its exit code", async () => {
    const argv = ["sh", "-c", "echo out; echo err >&2; exit 7"];
    const process = await client.exec("primary", { argv });
    expect(await outcome(process)).toEqual({ stdout: "out\n", stderr: "err\n", exit: { code: 7 } });
  });

  test("reads input to its end", async () => {
    const process = await client.exec("primary", { argv: ["cat"] });
    process.stdin.end("hello, ü\n");
    expect(await outcome(process)).toMatchObject({ stdout: "hello, ü\n", exit: { code: 0 } });
  });

  test("is told signals and sizes, and says which signal ended it", async () => {
    const process = await client.exec("primary", {
      argv: ["cat"],
      tty: { cols: 80, rows: 24 },
      term: "xterm",
    });
    process.resize({ cols: 100, rows: 30 });
    process.signal("TERM");
    expect((await outcome(process)).exit).toEqual({ signal: "TERM" });
    expect(core.calls).toEqual([
      '{"argv":["cat"],"tty":{"cols":80,"rows":24},"term":"xterm"}',
      "resize 100x30",
    ]);
  });

  test("its exit does not wait for a reader of an output without content", async () => {
    const process = await client.exec("primary", { argv: ["true"] });
    expect(await process.exited).toEqual({ code: 0 });
  });

  test("input after its end is dropped", async () => {
    const process = await client.exec("primary", { argv: ["true"] });
    await process.exited;
    process.stdin.write("late");
    process.stdin.end();
    await sleep(0);
  });

  test("that cannot be opened rejects with the engine's reason", async () => {
    await expect(client.exec("nope", {})).rejects.toMatchObject({
      code: "not-found",
      hint: expect.any(String),
    });
    await expect(client.exec("primary", { argv: ["/no/such/program"] })).resolves.toBeDefined();
    const bad = { argv: ["true"], env: { "not a name": "x" } };
    await expect(client.exec("primary", bad)).rejects.toMatchObject({ code: "invalid-argument" });
    expect(core.processes).toHaveLength(1);
  });

  test("ends with its client, however that leaves", async () => {
    const leave: ((process: RemoteProcess, stop: AbortController) => void)[] = [
      (process) => process.close(),
      (_, stop) => stop.abort(),
    ];
    for (const how of leave) {
      const stop = new AbortController();
      const process = await client.exec("primary", { argv: ["sleep", "1000"] }, { signal: stop.signal });
      how(process, stop);
      await expect(process.exited).rejects.toMatchObject({ message: expect.any(String) });
      expect(await core.processes.at(-1)?.exited).toEqual({ signal: "KILL" });
    }
  });

  test("ends with its client even when it does not read its input", { timeout: 20_000 }, async () => {
    const process = await client.exec("primary", { argv: ["sleep", "1000"] });
    let blocked = false;
    for (let n = 0; n < 64 && !blocked; n += 1) {
      const flushed = new Promise<boolean>((resolve) =>
        process.stdin.write(randomBytes(2 ** 20), () => resolve(false)),
      );
      blocked = await Promise.race([flushed, sleep(500).then(() => true)]);
    }
    expect(blocked).toBe(true);
    process.exited.catch(() => {});
    process.close();
    expect(await core.processes.at(-1)?.exited).toEqual({ signal: "KILL" });
  });

  test("ends for its client when the engine leaves", async () => {
    const process = await client.exec("primary", { argv: ["sleep", "1000"] });
    const failed = expect(process.exited).rejects.toMatchObject({ code: "engine-unavailable" });
    await server.close();
    await failed;
  });
});

describe("back-pressure", () => {
  const SIZE = 50 * 2 ** 20;

  test("50 MiB there and back arrive whole, through flat memory", { timeout: 60_000 }, async () => {
    const process = await client.exec("primary", { argv: ["cat"] });
    const block = randomBytes(2 ** 16);
    const sent = createHash("sha256");
    const got = createHash("sha256");
    let size = 0;
    let peak = 0;
    const before = memory();
    async function* source() {
      for (let at = 0; at < SIZE; at += block.length) {
        sent.update(block);
        yield block;
      }
    }
    const sink = new Writable({
      write(chunk: Buffer, _, done) {
        got.update(chunk);
        if (size >> 22 !== (size + chunk.length) >> 22) peak = Math.max(peak, memory());
        size += chunk.length;
        done();
      },
    });
    process.stderr.resume();
    await Promise.all([pipeline(source(), process.stdin), pipeline(process.stdout, sink)]);
    expect(await process.exited).toEqual({ code: 0 });
    expect(size).toBe(SIZE);
    expect(got.digest("hex")).toBe(sent.digest("hex"));
    expect(peak - before).toBeLessThan(8 * 2 ** 20); // Both ends live in this process.
  });

  test("a reader that does not read stops the guest", { timeout: 60_000 }, async () => {
    const process = await client.exec("primary", { argv: ["head", "-c", String(SIZE), "/dev/zero"] });
    const guest = core.processes.at(-1);
    let passed = 0;
    guest?.stdout.on("data", (chunk: Buffer) => {
      passed += chunk.length;
    });
    guest?.stdout.pause();
    let before = -1;
    while (before !== passed || passed === 0) {
      before = passed;
      await sleep(200); // Not a wait for something to happen, but to see that nothing does.
    }
    expect(passed).toBeLessThan(SIZE / 4);
    let size = 0;
    process.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
    });
    expect(await process.exited).toEqual({ code: 0 });
    expect(size).toBe(SIZE);
  });

  /** What is held, without what only waits to be collected; buffers are given back by the collection after theirs. */
  const memory = () => {
    collect();
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
});

describe("hostile clients", () => {
  /** The frames that came back until the engine closed the stream. */
  async function talk(send: (socket: WebSocket) => void, name = "primary") {
    const socket = new WebSocket(`ws://localhost${streamPath(name, "exec")}`, {
      createConnection: () => connectSocket(endpoint.path),
    });
    const texts: { type: string; error?: { code: string } }[] = [];
    socket.on("message", (data, binary) => {
      if (!binary) texts.push(JSON.parse(String(data)));
    });
    socket.on("error", () => {});
    await once(socket, "open");
    send(socket);
    await once(socket, "close");
    return texts;
  }

  const cat = JSON.stringify({ argv: ["cat"] });
  const cases: [string, (socket: WebSocket) => void][] = [
    ["bytes before the request", (socket) => socket.send(encodeFrame("stdin", Buffer.from("x")))],
    ["no JSON", (socket) => socket.send("{")],
    ["another type", (socket) => socket.send("[]")],
    ["an unknown key", (socket) => socket.send('{"arg":["cat"]}')],
    [
      "bytes for an output",
      (socket) => [cat, encodeFrame("stdout", Buffer.from("x"))].map((m) => socket.send(m)),
    ],
    ["an empty frame", (socket) => [cat, Buffer.alloc(0)].map((m) => socket.send(m))],
    ["an unknown channel", (socket) => [cat, Buffer.from([9, 1])].map((m) => socket.send(m))],
    ["an unknown control", (socket) => [cat, '{"type":"reboot"}'].map((m) => socket.send(m))],
    ["the engine's own word", (socket) => [cat, '{"type":"exit","code":0}'].map((m) => socket.send(m))],
    [
      "an impossible size",
      (socket) => [cat, '{"type":"resize","size":{"cols":0,"rows":1}}'].map((m) => socket.send(m)),
    ],
    ["an unknown signal", (socket) => [cat, '{"type":"signal","signal":"SEGV"}'].map((m) => socket.send(m))],
  ];
  test.each(cases)("%s ends the stream with a reason", async (_, send) => {
    expect((await talk(send)).at(-1)).toMatchObject({ type: "error", error: { code: "invalid-argument" } });
    for (const process of core.processes) await process.exited;
  });

  test("a frame that is too large ends the stream and the process", async () => {
    await talk((socket) => {
      socket.send(cat);
      socket.send(Buffer.alloc(2 * 2 ** 20));
    });
    for (const process of core.processes) await process.exited;
  });

  test("any messages end in a reason or an exit, and leave nothing running", {
    timeout: 60_000,
  }, async () => {
    const control = fc
      .constantFrom(
        { type: "eof" },
        { type: "resize", size: { cols: 9, rows: 9 } },
        { type: "signal", signal: "TERM" },
        { type: "opened" },
        null,
      )
      .map((value) => JSON.stringify(value));
    const message = fc.oneof(
      control,
      fc.string(),
      fc.json(),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => encodeFrame("stdin", bytes)),
    );
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(message, { maxLength: 8 }), async (opened, messages) => {
        const all = [...(opened ? [cat] : []), ...messages, '{"type":"signal","signal":"KILL"}', "{"];
        const texts = await talk((socket) => {
          for (const one of all) socket.send(one);
        });
        expect(["exit", "error"]).toContain(texts.at(-1)?.type);
        for (const process of core.processes) await process.exited.catch(() => {});
      }),
      { numRuns: 60 },
    );
    expect((await client.api.instances.list()).items).toHaveLength(1);
  });

  test("raw garbage after the handshake", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 256 }), async (bytes) => {
        const socket = connectSocket(endpoint.path);
        const closed = deferred<void>();
        socket.on("close", () => closed.resolve()).on("error", () => {});
        socket.write(
          `GET ${streamPath("primary", "exec")} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        await once(socket, "data");
        socket.resume().end(Buffer.from(bytes));
        await closed.promise;
      }),
      { numRuns: 100 },
    );
    expect((await client.api.instances.list()).items).toHaveLength(1);
  });

  test("a page, another path, and no handshake at all", async () => {
    const upgrade = (path: string, headers: string) =>
      new Promise<string>((resolve) => {
        const socket = connectSocket(endpoint.path);
        let text = "";
        socket.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        socket.on("close", () => resolve(text));
        socket.write(`GET ${path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`);
      });
    const hello =
      "Host: localhost\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    expect(await upgrade(streamPath("primary", "exec"), `${hello}Origin: null\r\n`)).toMatch(
      /^HTTP\/1.1 403 /,
    );
    expect(await upgrade("/v1/instances", hello)).toMatch(/^HTTP\/1.1 404 .*"not-found"/s);
    expect(await upgrade("/v1/instances/%zz/exec", hello)).toMatch(/^HTTP\/1.1 404 /);
    expect(await upgrade(streamPath("primary", "exec"), "Host: localhost\r\n")).toMatch(/^HTTP\/1.1 400 /);
    expect(await upgrade(streamPath("primary", "exec"), `${hello}Berth-Protocol: 0\r\n`)).toMatch(
      /^HTTP\/1.1 503 .*"declined"/s,
    );
    await expect.poll(() => server.busy).toBe(false);
  });
});
