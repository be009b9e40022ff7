/** The QMP client against a peer that is well, hostile, silent or gone. */
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QmpClient, type QmpEvent } from "../../../../src/engine/drivers/qemu/qmp.ts";

type Command = { execute: string; arguments: unknown; id: number };
type Reply = (socket: net.Socket, command: Command) => void;

const GREETING = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n';

let directory: string;
let peer: net.Server | undefined;
const sockets = new Set<net.Socket>();
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-qmp-"));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise<void>((resolve) => (peer ? peer.close(() => resolve()) : resolve()));
  peer = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** A peer that greets and answers commands as told; capabilities are always accepted. */
async function listen(reply: Reply, greeting: string | undefined = GREETING): Promise<string> {
  const file = path.join(directory, "qmp");
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    if (greeting) socket.write(greeting);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const command = JSON.parse(line) as Command;
        if (command.execute === "qmp_capabilities") say(socket, { return: {}, id: command.id });
        else reply(socket, command);
      }
    });
  });
  peer = server;
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return file;
}

const say = (socket: net.Socket, message: unknown) => void socket.write(`${JSON.stringify(message)}\r\n`);
const nothing: Reply = () => {};

test("commands get their own answers, in whatever order these come", async () => {
  const held: Command[] = [];
  const file = await listen((socket, command) => {
    held.push(command);
    if (held.length < 3) return;
    for (const one of held.reverse()) say(socket, { return: `${one.execute}!`, id: one.id });
  });
  const client = await QmpClient.connect(file);
  expect(await Promise.all(["a", "b", "c"].map((name) => client.execute(name)))).toEqual(["a!", "b!", "c!"]);
  client.close();
  await client.closed;
});

test("events arrive between answers, also when a chunk ends in the middle of one", async () => {
  const file = await listen((socket, command) => {
    const [first, second] = ['{"event": "SHUT', 'DOWN", "data": {"guest": true}}\r\n{"event": "STOP"}\r\n'];
    socket.write(first ?? "");
    setTimeout(() => {
      socket.write(second ?? "");
      say(socket, { return: {}, id: command.id });
    }, 5);
  });
  const client = await QmpClient.connect(file);
  const events: QmpEvent[] = [];
  client.onEvent((event) => events.push(event));
  await client.execute("x");
  expect(events).toEqual([
    { name: "SHUTDOWN", data: { guest: true } },
    { name: "STOP", data: {} },
  ]);
  client.close();
});

test("an error is told in QEMU's words and ends nothing", async () => {
  const file = await listen((socket, { id, execute }) =>
    execute === "bad"
      ? say(socket, { error: { class: "GenericError", desc: "Port 80 is taken" }, id })
      : say(socket, { return: 1, id }),
  );
  const client = await QmpClient.connect(file);
  await expect(client.execute("bad")).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("Port 80 is taken"),
  });
  expect(await client.execute("good")).toBe(1);
  client.close();
});

test("a peer that does not greet is given up by the deadline", async () => {
  const file = await listen(nothing, "");
  const started = performance.now();
  await expect(QmpClient.connect(file, { deadlineMs: 100 })).rejects.toMatchObject({ code: "driver-failed" });
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a command that gets no answer is given up; a late answer harms nothing", async () => {
  const file = await listen((socket, { id, execute }) => {
    setTimeout(() => say(socket, { return: execute, id }), execute === "slow" ? 60 : 0);
  });
  const client = await QmpClient.connect(file);
  await expect(client.execute("slow", {}, { deadlineMs: 10 })).rejects.toMatchObject({ code: "timed-out" });
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(await client.execute("next")).toBe("next");
  client.close();
});

test("one command can be called off; the connection goes on", async () => {
  const file = await listen((socket, { id, execute }) => {
    if (execute !== "never") say(socket, { return: execute, id });
  });
  const client = await QmpClient.connect(file);
  const controller = new AbortController();
  const never = client.execute("never", {}, { signal: controller.signal });
  controller.abort(new Error("called off"));
  await expect(never).rejects.toThrow("called off");
  expect(await client.execute("next")).toBe("next");
  client.close();
});

test("who has called off before asking is told at once, silent peer or not", async () => {
  const file = await listen(nothing);
  const client = await QmpClient.connect(file);
  const gone = AbortSignal.abort(new Error("called off"));
  await expect(client.execute("never", {}, { signal: gone })).rejects.toThrow("called off");
  await expect(QmpClient.connect(file, { signal: gone })).rejects.toThrow("called off");
  client.close();
});

test.each([
  ["text", "Segmentation fault\n"],
  ["a list", "[1, 2]\n"],
  ["bytes", Buffer.from([0xff, 0xfe, 0x0a])],
])("a peer that sends %s instead of messages is left", async (_what, bytes) => {
  const file = await listen((socket) => void socket.write(bytes));
  const client = await QmpClient.connect(file);
  await expect(client.execute("x")).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("no message"),
  });
  await client.closed;
});

test("a line without an end is not kept for ever", async () => {
  const file = await listen((socket) => {
    const chunk = Buffer.alloc(2 ** 20, 0x61);
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk)) {}
      if (!socket.destroyed) socket.once("drain", pour);
    };
    pour();
  });
  const client = await QmpClient.connect(file);
  await expect(client.execute("x")).rejects.toMatchObject({
    message: expect.stringContaining("a line without an end"),
  });
  await client.closed;
});

test("when the peer leaves, everything that waits is told, and so is what comes later", async () => {
  const file = await listen((socket) => socket.destroy());
  const client = await QmpClient.connect(file);
  const waiting = [client.execute("a"), client.execute("b")];
  for (const one of await Promise.allSettled(waiting))
    expect(one).toMatchObject({ status: "rejected", reason: { code: "driver-failed" } });
  await client.closed;
  await expect(client.execute("c")).rejects.toMatchObject({ code: "driver-failed" });
});

test("where nobody listens, connecting fails at once", async () => {
  await expect(QmpClient.connect(path.join(directory, "none"))).rejects.toMatchObject({
    code: "driver-failed",
  });
});
