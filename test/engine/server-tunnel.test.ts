/** Tunnels to ports of a guest over a real socket: bytes both ways, back-pressure, ends, and who is turned away. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { streamPath } from "../../src/api/frames.ts";
import { deferred } from "../../src/base/async.ts";
import type { Endpoint } from "../../src/base/paths.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import type { EngineServer } from "../../src/engine/server/server.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

let served: FakeServer;
let endpoint: Endpoint;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  served = await fakeServer();
  ({ endpoint, server, client } = served);
});
afterEach(() => served.dispose());

/** A port of the guest whose connections are `serve`d. */
async function portWith(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const listening: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
  return (listening.address() as AddressInfo).port;
}

test("bytes pass whole both ways, and the guest's end is the tunnel's", async () => {
  const port = await portWith((socket) => socket.pipe(socket));
  const sent = randomBytes(3 * 2 ** 20);
  const tunnel = await client.tunnel("primary", { port });
  tunnel.stdin.end(sent);
  const back = await buffer(tunnel.stdout);
  expect(createHash("sha256").update(back).digest("hex")).toBe(
    createHash("sha256").update(sent).digest("hex"),
  );
  expect(await tunnel.exited).toEqual({ code: 0 });
  await expect.poll(() => server.busy).toBe(false);
});

test("a guest that does not read makes the client wait, and goes on when it reads", async () => {
  const arrived = deferred<Socket>();
  const port = await portWith((socket) => {
    socket.pause();
    arrived.resolve(socket);
  });
  const tunnel = await client.tunnel("primary", { port });
  const chunk = Buffer.alloc(2 ** 20, 7);
  let accepted = 0;
  let waiting = false;
  for (; accepted < 256 && !waiting; accepted += 1) {
    const drained = new Promise<void>((resolve, reject) =>
      tunnel.stdin.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
    const patience = new Promise<"waits">((resolve) => setTimeout(() => resolve("waits"), 2_000));
    waiting = (await Promise.race([drained, patience])) === "waits";
  }
  expect(waiting).toBe(true);
  const socket = await arrived.promise;
  let read = 0;
  socket.on("data", (data: Buffer) => {
    read += data.length;
  });
  socket.on("end", () => socket.end("all"));
  socket.resume();
  tunnel.stdin.end();
  expect(await text(tunnel.stdout)).toBe("all");
  expect(read).toBe(accepted * chunk.length);
});

test("a client that does not read makes the guest wait", async () => {
  const total = 128 * 2 ** 20;
  let written = 0;
  const port = await portWith((socket) => {
    const chunk = Buffer.alloc(2 ** 20, 1);
    const more = () => {
      while (written < total) {
        written += chunk.length;
        if (!socket.write(chunk)) return void socket.once("drain", more);
      }
      socket.end();
    };
    more();
  });
  const tunnel = await client.tunnel("primary", { port });
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(written).toBeLessThan(total);
  let read = 0;
  for await (const data of tunnel.stdout) read += (data as Buffer).length;
  expect(read).toBe(total);
});

test("closing it closes the guest's side", async () => {
  const closed = deferred<void>();
  const port = await portWith((socket) => {
    socket.resume();
    socket.once("close", () => closed.resolve());
    socket.once("end", () => socket.end());
  });
  const tunnel = await client.tunnel("primary", { port });
  tunnel.close();
  await closed.promise;
  await expect(tunnel.exited).rejects.toMatchObject({ code: "cancelled" });
});

test("what cannot be connected to is told with its reason", async () => {
  const port = await portWith(() => {});
  await expect(client.tunnel("nope", { port })).rejects.toMatchObject({ code: "not-found" });
  await expect(client.tunnel("primary", { port: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(client.tunnel("primary", { port: 70_000 })).rejects.toMatchObject({
    code: "invalid-argument",
  });
  await expect(client.tunnel("primary", { port: 1 })).rejects.toMatchObject({
    code: "guest-unreachable",
    message: expect.stringContaining("nothing listens there"),
  });
});

test("a web page is turned away", async () => {
  const head = `GET ${streamPath("primary", "tunnel")} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  const socket = connectSocket(endpoint.path);
  socket.write(
    `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://x\r\n\r\n`,
  );
  expect(await text(socket)).toMatch(/^HTTP\/1.1 403 /);
});
