/** The client's WebSocket against the library that the engine serves with, and against servers that speak otherwise. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RawData, WebSocketServer, type WebSocket as WsSocket } from "ws";
import { MAX_FRAME_BYTES } from "../../../src/api/frames.ts";
import { WebSocket } from "../../../src/client/web-socket.ts";

let home: string;
let endpoint: string;
let server: Server;
const sockets = new Set<Socket>();

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-ws-"));
  endpoint = path.join(home, "s");
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.close();
  await rm(home, { recursive: true, force: true });
});

async function listen(made: Server): Promise<void> {
  server = made;
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(endpoint);
  await once(server, "listening");
}

/** The library's server; what it does with each connection. */
async function serve(onSocket: (socket: WsSocket) => void): Promise<void> {
  const http = createHttpServer();
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  http.on("upgrade", (request, socket, head) => webSockets.handleUpgrade(request, socket, head, onSocket));
  await listen(http);
}

const open = () => new WebSocket(endpoint, "/v1/any", { host: "localhost", "x-of-ours": "1" });

describe("with the library", () => {
  test("messages of every size come whole, both ways, of their own kind", async () => {
    await serve((socket) => socket.on("message", (data: RawData, binary) => socket.send(data, { binary })));
    const client = open();
    await once(client, "open");
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000, MAX_FRAME_BYTES]) {
      const sent = Buffer.alloc(size, `${size},`);
      client.send(sent);
      const [data, binary] = (await once(client, "message")) as [Buffer, boolean];
      expect(binary).toBe(true);
      expect(data.equals(sent)).toBe(true);
    }
    client.send("wörter");
    expect(await once(client, "message")).toEqual([Buffer.from("wörter"), false]);
    client.terminate();
    await once(client, "close");
  });

  test("answers its pings, and its goodbye", async () => {
    let pong = "";
    const closed = new Promise<number>((resolve) => {
      void serve((socket) => {
        socket.once("pong", (data) => {
          pong = data.toString();
          socket.close(1000);
        });
        socket.once("close", resolve);
        socket.ping("are you there");
      });
    });
    await expect.poll(() => server?.listening).toBe(true);
    const client = open();
    await once(client, "close");
    expect(await closed).toBe(1000);
    expect(pong).toBe("are you there");
  });

  test("tells when a message has left, and waits while it is paused", async () => {
    await serve((socket) => socket.on("message", () => socket.send("heard")));
    const client = open();
    await once(client, "open");
    let messages = 0;
    client.on("message", () => {
      messages += 1;
    });
    client.pause();
    await new Promise<void>((left) => client.send("one", left));
    await new Promise<void>((left) => client.send("two", left));
    expect(messages).toBe(0);
    client.resume();
    await expect.poll(() => messages).toBe(2);
    client.terminate();
  });
});

/** What an engine answers to the client's key. */
const SWITCHED =
  "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: nmEcIdqM+ofJV4LkOXD4iwjx2lg=\r\n\r\n";

describe("with others", () => {
  const answering = (answer: string | Buffer) =>
    listen(createServer((socket) => void socket.once("data", () => socket.end(answer))));

  test("a refusal is told with its body", async () => {
    await answering('HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{"code":\r\n\r\n"x"}');
    expect(await once(open(), "refused")).toEqual([404, '{"code":\r\n\r\n"x"}']);
  });

  test.each([
    ["a listener that takes any connection", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["an answer without an end", "HTTP/1.1 200 OK\r\nx: ".padEnd(100_000, "x")],
  ])("%s is no engine", async (_, answer) => {
    await answering(answer);
    const [error] = await new Promise<unknown[]>((resolve) => open().once("error", (...it) => resolve(it)));
    expect(error).toMatchObject({ code: "timed-out" });
  });

  test.each([
    ["masked", [0x82, 0x80, 0, 0, 0, 0]],
    ["of an extension", [0xc2, 1, 0]],
    ["larger than any", [0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]],
  ])("a frame that is %s ends it", async (_, frame) => {
    await answering(Buffer.concat([Buffer.from(SWITCHED), Buffer.from(frame)]));
    const client = open();
    const [error] = await new Promise<unknown[]>((resolve) => client.once("error", (...it) => resolve(it)));
    expect(error).toBeInstanceOf(RangeError);
    await once(client, "close");
  });

  test("nobody there, and one that hangs up, end it", async () => {
    const missing = open();
    const [error] = await new Promise<unknown[]>((resolve) => missing.once("error", (...it) => resolve(it)));
    expect(error).toMatchObject({ code: "ENOENT" });
    await answering("");
    await once(open(), "close");
  });
});
