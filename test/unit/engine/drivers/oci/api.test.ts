import { getEventListeners, once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RuntimeApi } from "../../../../../src/engine/drivers/oci/api.ts";
import { detectRuntimes } from "../../../../../src/engine/drivers/oci/detect.ts";
import { groupOf, startHint } from "../../../../../src/engine/drivers/oci/host.ts";

const ctx = { signal: new AbortController().signal };
let directory: string;
let server: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-oci-"));
});

afterEach(async () => {
  server?.closeAllConnections();
  if (server?.listening) await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

const socketPath = () => path.join(directory, "r.sock");
const docker = () =>
  new RuntimeApi({ runtime: "docker", name: "docker", address: { socketPath: socketPath() } });

async function serve(answer: RequestListener): Promise<RuntimeApi> {
  server = createServer(answer).listen(socketPath());
  await once(server, "listening");
  return docker();
}

const refusing = (status: number, body: string) =>
  serve((_request, response) => response.writeHead(status).end(body));

test("asks with a query and a body, and takes the value of the answer", async () => {
  const api = await serve(async (request, response) => {
    const said = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: await text(request),
    };
    response.end(JSON.stringify(said));
  });
  const said = await api.json<Record<string, unknown>>(ctx, "POST", "/containers/create", {
    query: { name: "a b", platform: undefined },
    body: { Image: "x" },
  });
  expect(said).toMatchObject({ method: "POST", url: "/containers/create?name=a+b", body: '{"Image":"x"}' });
  expect(said["headers"]).toMatchObject({
    host: "localhost",
    "content-type": "application/json",
    connection: "close",
  });
});

test.each([
  [304, ""],
  [204, ""],
  [201, "\n"],
])("what has no value is undefined: %i %j", async (status, body) => {
  const api = await serve((_request, response) => response.writeHead(status).end(body));
  expect(await api.json(ctx, "POST", "/containers/x/start")).toBeUndefined();
});

test.each([
  [400, '{"message":"bad"}', "invalid-argument"],
  [401, '{"message":"bad"}', "unauthenticated"],
  [403, '{"message":"bad"}', "permission-denied"],
  [404, '{"message":"bad"}', "not-found"],
  [409, '{"message":"bad"}', "wrong-state"],
  [
    409,
    '{"message":"Conflict. The container name \\"/bad\\" is already in use by container"}',
    "already-exists",
  ],
  [429, '{"message":"bad"}', "busy"],
  [500, '{"message":"bad"}', "driver-failed"],
  [500, '{"message":"write /bad: no space left on device"}', "no-resources"],
  [500, '{"message":"bind for 127.0.0.1:80 failed: port is already allocated, bad"}', "already-exists"],
  [
    500,
    '{"cause":"bad","message":"no container with name or ID \\"bad\\" found","response":404}',
    "not-found",
  ],
  [501, "bad, and not JSON", "not-supported"],
])("a refusal of %i %s is %s, in the runtime's words", async (status, body, code) => {
  const api = await refusing(status, body);
  const expected = {
    code,
    message: expect.stringMatching(/^cannot try it: Docker says: .*bad/),
    details: { status },
  };
  await expect(api.json(ctx, "GET", "/x", { doing: "try it" })).rejects.toMatchObject(expected);
  await expect(api.stream(ctx, "GET", "/x", { doing: "try it" })).rejects.toMatchObject(expected);
  await expect(api.upgrade(ctx, "/x", { doing: "try it" })).rejects.toMatchObject(expected);
});

test("a refusal without words is told by its status", async () => {
  const api = await refusing(500, "");
  await expect(api.json(ctx, "GET", "/x")).rejects.toThrow(
    "cannot GET /x: Docker says: status 500 without a reason",
  );
});

test("an answer that is no JSON is an error of the runtime", async () => {
  const api = await serve((_request, response) => response.end("<html>"));
  await expect(api.json(ctx, "GET", "/x")).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("its answer is no JSON: <html>"),
  });
});

test("where nothing listens, it says what to start", async () => {
  await expect(docker().json(ctx, "GET", "/version", { doing: "list images" })).rejects.toMatchObject({
    code: "missing-dependency",
    message: `cannot list images: Docker does not run at ${socketPath()}`,
    hint: expect.stringContaining("Start"),
  });
});

test("a runtime that dies in the middle of its answer is told", async () => {
  const api = await serve((_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy());
  });
  await expect(api.json(ctx, "GET", "/x")).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("cannot GET /x: lost Docker at "),
  });
});

test("a silent runtime is given up at the deadline, and the request is closed", async () => {
  const asked = Promise.withResolvers<IncomingMessage>();
  const api = await serve((request) => asked.resolve(request));
  await expect(api.json(ctx, "GET", "/x", { deadlineMs: 50 })).rejects.toMatchObject({
    code: "timed-out",
    message: "cannot GET /x: Docker did not answer within 0.05 s",
  });
  const { socket } = await asked.promise;
  if (!socket.closed) await once(socket, "close");
});

test("a cancelled request ends its connection and rejects with the reason", async () => {
  const asked = Promise.withResolvers<IncomingMessage>();
  const api = await serve((request) => asked.resolve(request));
  const controller = new AbortController();
  const answer = api.json({ signal: controller.signal }, "GET", "/x");
  const { socket } = await asked.promise;
  controller.abort();
  await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  if (!socket.closed) await once(socket, "close");
});

test("whatever becomes of a request, its caller's signal forgets it", async () => {
  const { signal } = new AbortController();
  const endpoint = { runtime: "vm" as const, name: "vm", address: { instance: "x" } };
  const off = new RuntimeApi(endpoint, async () => {
    throw new Error("it is off");
  });
  await expect(off.stream({ signal }, "GET", "/events")).rejects.toThrow("it is off");
  await expect(off.upgrade({ signal }, "/attach")).rejects.toThrow("it is off");
  const api = await serve((_request, response) => response.end("all"));
  const answer = await api.stream({ signal }, "GET", "/logs");
  expect(await text(answer)).toBe("all");
  await expect.poll(() => getEventListeners(signal, "abort")).toEqual([]);
});

test("a stream is read as it comes, and cancelled in its middle", async () => {
  const left = Promise.withResolvers<void>();
  const api = await serve((_request, response) => {
    response.write("one\n");
    response.once("close", left.resolve);
  });
  const controller = new AbortController();
  const answer = await api.stream({ signal: controller.signal }, "GET", "/events");
  const [first] = (await once(answer, "data")) as [Buffer];
  expect(first.toString()).toBe("one\n");
  const ended = once(answer, "close").catch((error: unknown) => error);
  controller.abort();
  await ended;
  await left.promise;
});

test("a body that is a stream is sent as it comes", async () => {
  const api = await serve(async (request, response) => {
    response.end(
      `${request.headers["content-type"]} ${request.headers["transfer-encoding"]} ${await text(request)}`,
    );
  });
  const answer = await api.stream(ctx, "POST", "/build", { body: Readable.from(["a", "b"]) });
  expect(await text(answer)).toBe("application/x-tar chunked ab");
});

test("a body that fails fails the request", async () => {
  const api = await serve((request) => void request.resume().on("error", () => {}));
  const body = new Readable({ read: () => body.destroy(new Error("the disk is gone")) });
  await expect(api.stream(ctx, "POST", "/build", { body })).rejects.toThrow("the disk is gone");
});

test("a runtime that refuses before it has read the body is heard", async () => {
  const api = await refusing(413, '{"message":"too much"}');
  const body = Readable.from(
    (function* () {
      for (let count = 0; count < 2000; count += 1) yield Buffer.alloc(64 * 1024);
    })(),
  );
  await expect(api.stream(ctx, "POST", "/build", { body, doing: "build" })).rejects.toThrow(
    /^cannot build: /,
  );
  if (!body.closed) await new Promise((resolve) => body.once("close", resolve));
});

test("an upgraded connection carries bytes both ways, from the first one", async () => {
  const api = await serve(() => {});
  server?.on("upgrade", (request: IncomingMessage, socket: net.Socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ");
    socket.write(`${request.headers["content-length"]} `);
    socket.on("data", (chunk) => socket.end(chunk.toString().toUpperCase()));
  });
  const connection = await api.upgrade(ctx, "/containers/x/attach");
  connection.write("typed");
  expect(await text(connection)).toBe("hello 0 TYPED");
});

test("cancelling ends an upgraded connection", async () => {
  const api = await serve(() => {});
  const far = Promise.withResolvers<net.Socket>();
  server?.on("upgrade", (_request: IncomingMessage, socket: net.Socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.once("end", () => socket.end()).resume();
    far.resolve(socket);
  });
  const controller = new AbortController();
  const connection = await api.upgrade({ signal: controller.signal }, "/x");
  controller.abort();
  if (!connection.closed) await once(connection, "close");
  const socket = await far.promise;
  if (!socket.closed) await once(socket, "close");
});

test("a runtime is what it says, whatever its socket is called; where nothing listens, nothing is told", async () => {
  await serve((_request, response) =>
    response.end(
      JSON.stringify({ Version: "4.3.1", Arch: "amd64", Components: [{ Name: "Podman Engine" }] }),
    ),
  );
  await symlink(socketPath(), path.join(directory, "docker.sock")); // Where Docker's own would be.
  const dead = path.join(directory, "dead.sock");
  await writeFile(dead, "");
  const inputs = {
    platform: "linux" as const,
    env: { DOCKER_HOST: `unix://${socketPath()}`, XDG_RUNTIME_DIR: directory },
    home: directory,
    tmp: directory,
    uid: 1000,
    contexts: [
      { name: "dead", host: `unix://${dead}` },
      { name: "far", host: "ssh://far" },
    ],
    currentContext: "dead",
  };
  const { found, unusable } = await detectRuntimes(ctx, inputs);
  const endpoint = { runtime: "podman", name: "DOCKER_HOST", address: { socketPath: socketPath() } };
  expect(found).toEqual([{ endpoint, version: "4.3.1", os: "linux", arch: "amd64" }]);
  expect(unusable).toEqual([{ name: "far", reason: expect.stringContaining("SSH") }]);
});

test("a runtime tells its version once, until it greets as another one", async () => {
  const asked: (string | undefined)[] = [];
  let now = { greeting: "Libpod/4.3.1 (linux)", version: "4.3.1", name: "Podman Engine" };
  await serve((request, response) => {
    asked.push(request.url);
    response.setHeader("server", now.greeting);
    const said = { Version: now.version, Os: "linux", Arch: "amd64", Components: [{ Name: now.name }] };
    response.end(request.url === "/_ping" ? "OK" : JSON.stringify(said));
  });
  const env = { DOCKER_HOST: `unix://${socketPath()}` };
  const of = { env, home: directory, tmp: directory, uid: 0, contexts: [], currentContext: undefined };
  const inputs = { platform: "linux" as const, ...of };
  const known = new Map();
  const look = async () => (await detectRuntimes(ctx, inputs, known)).found;
  const first = await look();
  expect(first).toMatchObject([{ endpoint: { runtime: "podman" }, version: "4.3.1" }]);
  expect(await look()).toEqual(first);
  expect(asked.filter((url) => url === "/version")).toHaveLength(1);
  now = { greeting: "Docker/27.0 (linux)", version: "27.0", name: "Engine" };
  expect(await look()).toMatchObject([{ endpoint: { runtime: "docker" }, version: "27.0" }]);
  await new Promise((resolve) => server?.close(resolve));
  expect(await look()).toEqual([]);
});

test("the group of a socket is found by its name", async () => {
  const groups = path.join(directory, "group");
  await writeFile(groups, `root:x:0:\ndocker:x:${process.getgid?.()}:me\n`);
  expect(await groupOf(directory, groups)).toBe(process.getgid?.() === 0 ? "root" : "docker");
  expect(await groupOf(path.join(directory, "absent"), groups)).toBeUndefined();
});

test("what to start is said by host", () => {
  const at = (name: string, file: string) => ({
    runtime: "podman" as const,
    name,
    address: { socketPath: file },
  });
  expect(startHint(at("podman", "/run/podman/podman.sock"), "linux")).toContain(
    "sudo systemctl start podman.socket",
  );
  expect(startHint(at("p", "/run/user/1000/podman/podman.sock"), "linux")).toContain(
    "systemctl --user start",
  );
  expect(startHint(at("podman-machine", "/x"), "darwin")).toContain("podman machine start");
  expect(startHint(at("colima", "/x"), "darwin")).toContain("Start colima");
});
