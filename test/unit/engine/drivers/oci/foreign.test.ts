/** Containers of others, at a runtime that answers. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RuntimeApi } from "../../../../../src/engine/drivers/oci/api.ts";
import { OciForeignContainers } from "../../../../../src/engine/drivers/oci/foreign.ts";
import { changesList, RuntimeWatch } from "../../../../../src/engine/drivers/oci/runtime-watch.ts";

const ctx = { signal: new AbortController().signal };
const framed = (words: string) =>
  Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, words.length]), Buffer.from(words)]);

let server: Server;
let foreign: OciForeignContainers;
let events: ServerResponse | undefined;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const url = request.url ?? "";
    asked.push(url);
    if (url.startsWith("/events")) {
      events = response;
      response.write("\n");
    } else if (url.includes("/gone/")) response.writeHead(404).end("{}");
    else if (url.endsWith("/json"))
      response.end(JSON.stringify({ Id: url.split("/")[2], Config: { Tty: url.includes("tty") } }));
    else response.end(url.includes("tty") ? "plain\n" : framed("framed\n"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const api = new RuntimeApi({ runtime: "docker", name: "d", address: { host: "127.0.0.1", port } });
  const watch = new RuntimeWatch(api);
  foreign = new OciForeignContainers({ runtimes: async () => [api], watchOf: () => watch, engine: "e" });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const read = async (id: string, more = {}) =>
  text(await foreign.logs(ctx, { runtime: "docker", id, name: id }, more));

test("what one prints is read as its runtime sends it, with a terminal or without", async () => {
  expect(await read("web")).toBe("framed\n");
  expect(await read("tty", { follow: true, tail: 5, sinceMs: 2000 })).toBe("plain\n");
  expect(asked.at(-1)).toBe("/containers/tty/logs?stdout=true&stderr=true&follow=true&since=2&tail=5");
  await expect(read("gone")).rejects.toThrow(
    "cannot read the log of gone: there is no such container any more",
  );
});

test("it is told that there may be another list, until nobody watches", async () => {
  let told = Promise.withResolvers<void>();
  let times = 0;
  const watching = foreign.watch(() => {
    times += 1;
    told.resolve();
  });
  await told.promise;
  told = Promise.withResolvers();
  for (const Action of ["exec_start: sh", "health_status: healthy", "rename"])
    events?.write(`${JSON.stringify({ Action, Actor: { ID: "x" } })}\n`);
  await told.promise;
  expect(times).toBe(2);
  const closed = once(events as ServerResponse, "close");
  watching.dispose();
  await closed;
});

test("one that is left before its runtimes are known begins nothing", async () => {
  foreign.watch(() => {}).dispose();
  await read("web");
  expect(asked.some((url) => url.startsWith("/events"))).toBe(false);
});

test("what changes nothing of a list is not told of", () => {
  const of = (action: string) => changesList({ id: "x", action, attributes: {} });
  for (const action of ["create", "start", "die", "died", "remove", "destroy", "rename", "pause"])
    expect(of(action)).toBe(true);
  for (const action of ["exec_die", "top", "attach", "resize", "health_status: healthy", ""])
    expect(of(action)).toBe(false);
  expect(changesList("lost")).toBe(true);
});
