/** The QMP client at the edges of the protocol: called off while connecting, cut anywhere, closed, asked for nothing. */
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QmpClient, type QmpEvent } from "../../../../src/engine/drivers/qemu/qmp.ts";

type Command = { execute: string; arguments: unknown; id: number };

const GREETING = '{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n';

let directory: string;
let peers: net.Server[] = [];
const sockets = new Set<net.Socket>();
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-qmp-"));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const peer of peers) await new Promise<void>((resolve) => peer.close(() => resolve()));
  peers = [];
  await rm(directory, { recursive: true, force: true });
});

/** A peer that is told of each connection and of each command on it. */
async function listen(
  onConnection: (socket: net.Socket) => void,
  onCommand: (socket: net.Socket, command: Command) => void = () => {},
): Promise<string> {
  const file = path.join(directory, `qmp${peers.length}`);
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      const lines = (text + chunk.toString()).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) onCommand(socket, JSON.parse(line) as Command);
    });
    onConnection(socket);
  });
  peers.push(server);
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return file;
}

const say = (socket: net.Socket, message: unknown) => void socket.write(`${JSON.stringify(message)}\r\n`);
const greet = (socket: net.Socket) => void socket.write(GREETING);

test("capabilities come first and only after the greeting; arguments and ids go out as they are", async () => {
  const heard: Command[] = [];
  let greeted = false;
  const file = await listen(
    (socket) =>
      void setTimeout(() => {
        expect(heard).toEqual([]);
        greeted = true;
        greet(socket);
      }, 20),
    (socket, command) => {
      heard.push(command);
      say(socket, { return: command.arguments, id: command.id });
    },
  );
  const client = await QmpClient.connect(file);
  expect(greeted).toBe(true);
  const args = { "command-line": 'info "usernet"\n, ünï\u2028', n: [1, { a: null }] };
  expect(await client.execute("human-monitor-command", args)).toEqual(args);
  expect(heard).toEqual([
    { execute: "qmp_capabilities", arguments: {}, id: 1 },
    { execute: "human-monitor-command", arguments: args, id: 2 },
  ]);
  client.close();
});

test("an answer is understood however it is cut into chunks", async () => {
  const text = { name: "ünï – 🛥", lines: "a\nb\r\n", depth: [[[]]] };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 160 }), { maxLength: 8 }), async (cuts) => {
      const file = await listen(greet, (socket, { id, execute }) => {
        if (execute === "qmp_capabilities") return say(socket, { return: {}, id });
        const lines = [
          { event: "RESUME", data: text },
          { return: text, id },
        ].map((one) => JSON.stringify(one));
        const bytes = Buffer.from(`\r\n${lines.join("\r\n")}\r\n`);
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        void (async () => {
          for (const [index, from] of at.slice(0, -1).entries()) {
            socket.write(bytes.subarray(from, at[index + 1]));
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
      });
      const client = await QmpClient.connect(file);
      const events: QmpEvent[] = [];
      client.onEvent((event) => events.push(event));
      expect(await client.execute("x")).toEqual(text);
      expect(events).toEqual([{ name: "RESUME", data: text }]);
      client.close();
      await client.closed;
    }),
    { numRuns: 25 },
  );
});

test("connecting can be called off at any step, with the caller's reason", async () => {
  for (const step of [() => {}, greet]) {
    const file = await listen(step);
    const controller = new AbortController();
    const attempt = QmpClient.connect(file, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("called off")), 20);
    await expect(attempt).rejects.toThrow("called off");
  }
});

test("a peer that greets and then says nothing more is given up by the deadline", async () => {
  const file = await listen(greet);
  const started = performance.now();
  await expect(QmpClient.connect(file, { deadlineMs: 100 })).rejects.toThrow();
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a peer that refuses capabilities is left", async () => {
  let left: Promise<void> | undefined;
  const file = await listen(
    (socket) => {
      left = new Promise((resolve) => socket.once("close", () => resolve()));
      greet(socket);
    },
    (socket, { id }) => say(socket, { error: { class: "CommandNotFound", desc: "not now" }, id }),
  );
  await expect(QmpClient.connect(file)).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("not now"),
  });
  await left;
});

test.each([
  ["at once", (socket: net.Socket) => void socket.destroy()],
  ["after half a greeting", (socket: net.Socket) => void socket.end('{"QMP": {')],
  ["after the greeting", (socket: net.Socket) => void socket.end(GREETING)],
  ["after garbage", (socket: net.Socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
])("a peer that leaves %s is no monitor", async (_when, onConnection) => {
  const file = await listen(onConnection);
  await expect(QmpClient.connect(file)).rejects.toMatchObject({ code: "driver-failed" });
});

test("a greeting without an end is not kept for ever", async () => {
  const file = await listen((socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write("x".repeat(2 ** 20))) {}
      if (!socket.destroyed) socket.once("drain", pour);
    };
    pour();
  });
  await expect(QmpClient.connect(file)).rejects.toThrow(/a line without an end/);
});

test("a long answer is taken whole", async () => {
  const long = "y".repeat(4 * 2 ** 20);
  const file = await listen(greet, (socket, { id }) => say(socket, { return: long, id }));
  const client = await QmpClient.connect(file);
  expect(await client.execute("x")).toBe(long);
  client.close();
});

test.each([
  [{ class: "GenericError" }, "an error without words"],
  ["bad", "an error without words"],
  [{ desc: 7 }, "an error without words"],
  [{ desc: "z".repeat(5000) }, `${"z".repeat(1000)}$`],
])("the error %#, whatever its form, is an error", async (error, words) => {
  const file = await listen(greet, (socket, { id, execute }) =>
    say(socket, execute === "x" ? { error, id } : { return: {}, id }),
  );
  const client = await QmpClient.connect(file);
  await expect(client.execute("x")).rejects.toThrow(new RegExp(words));
  expect(await client.execute("y")).toEqual({});
  client.close();
});

test("answers that nobody asked for, or asked for by another name, are passed over", async () => {
  const file = await listen(greet, (socket, { id }) => {
    for (const other of [id + 100, String(id), null, undefined, -1])
      say(socket, { return: "not this", id: other });
    say(socket, {});
    say(socket, { return: "this", id });
    say(socket, { return: "too late", id });
  });
  const client = await QmpClient.connect(file);
  expect(await client.execute("a")).toBe("this");
  expect(await client.execute("b")).toBe("this");
  client.close();
});

test("closing tells all that wait, resolves `closed`, and may be repeated", async () => {
  const file = await listen(greet, (socket, { id, execute }) => {
    if (execute === "qmp_capabilities") say(socket, { return: {}, id });
  });
  const client = await QmpClient.connect(file);
  const waiting = Promise.allSettled([client.execute("a"), client.execute("b")]);
  client.close();
  client.close();
  for (const one of await waiting) expect(one).toMatchObject({ reason: { code: "driver-failed" } });
  await client.closed;
  await expect(client.execute("c")).rejects.toMatchObject({ code: "driver-failed" });
});

test("after the end no event comes any more; a subscription that ended hears nothing", async () => {
  const file = await listen(greet, (socket, { id }) => {
    say(socket, { event: "STOP" });
    say(socket, { return: {}, id });
  });
  const client = await QmpClient.connect(file);
  const heard: string[] = [];
  const first = client.onEvent(({ name }) => heard.push(`first ${name}`));
  client.onEvent(({ name }) => heard.push(`second ${name}`));
  await client.execute("a");
  first.dispose();
  await client.execute("b");
  expect(heard).toEqual(["first STOP", "second STOP", "second STOP"]);
  client.close();
  await client.closed;
});
