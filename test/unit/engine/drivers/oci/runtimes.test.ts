import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ContainerRuntime } from "../../../../../src/api/container.ts";
import { EngineError } from "../../../../../src/base/errors.ts";
import type { ContainerHost } from "../../../../../src/engine/drivers/container-host.ts";
import type { DriverInstance } from "../../../../../src/engine/drivers/driver.ts";
import { type ContainerInstance, withinVm } from "../../../../../src/engine/drivers/oci/create-body.ts";
import { infoOf } from "../../../../../src/engine/drivers/oci/driver-info.ts";
import { Runtimes, type RuntimesOptions } from "../../../../../src/engine/drivers/oci/runtimes.ts";
import { silentLog } from "../../../../../src/engine/log.ts";

const ctx = { signal: new AbortController().signal, progress: () => {}, log: silentLog };
let directory: string;
let server: Server;
const socketPath = () => path.join(directory, "r.sock");

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-oci-"));
  server = createServer((request, response) => response.end(JSON.stringify({ url: request.url })));
  server.listen(socketPath());
  await once(server, "listening");
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

/** A VM whose runtime is the server; what has been asked of it. */
function fakeHost() {
  const asked: unknown[] = [];
  let running: string | undefined;
  const host: ContainerHost = {
    open: async (_ctx, id) => {
      asked.push(["open", id]);
      if (id !== undefined && id !== "the-vm") throw new EngineError("not-found", "it is gone");
      running = "the-vm";
      return running;
    },
    get running() {
      return running;
    },
    connect: async (_ctx, id, to) => {
      asked.push(["connect", id, to]);
      return net.connect(socketPath());
    },
    flush: async (_ctx, id) => void asked.push(["flush", id]),
  };
  return { host, asked };
}

/** Of a launch that asks for nothing but where it is. */
const needs = (runtime?: ContainerRuntime) => ({
  ...{ name: "web", mounts: [], ports: [] },
  container: runtime === undefined ? {} : { runtime },
});

/** On a host where Docker answers, or nothing does. */
function runtimes(more: RuntimesOptions, docker = false): Runtimes {
  const env = docker ? { DOCKER_HOST: `unix://${socketPath()}` } : {};
  const places = { home: directory, tmp: directory, uid: undefined, contexts: [], currentContext: undefined };
  return new Runtimes({ inputs: async () => ({ platform: "win32", env, ...places }), ...more });
}

test("new containers go into the VM where neither runs, by a connection from within it", async () => {
  const { host, asked } = fakeHost();
  const all = runtimes({ host });
  expect(await all.answering(ctx)).toEqual([]);
  const api = await all.choose(ctx, undefined);
  expect(api.endpoint).toEqual({ runtime: "vm", name: "container-host", address: { instance: "the-vm" } });
  expect(await api.json(ctx, "GET", "/version")).toEqual({ url: "/version" });
  expect(asked).toEqual([
    ["open", undefined],
    ["connect", "the-vm", { socketPath: "/run/berth-containers.sock" }],
  ]);
  expect((await all.answering(ctx)).map(({ endpoint }) => endpoint.runtime)).toEqual(["vm"]);
});

test("the VM is not made where a runtime answers, unless it is asked for or preferred", async () => {
  const { host, asked } = fakeHost();
  const all = runtimes({ host }, true);
  expect((await all.choose(ctx, undefined)).endpoint.runtime).toBe("docker");
  await all.prepare(ctx, needs());
  await all.prepare(ctx, needs("podman"));
  expect(asked).toEqual([]);
  expect((await all.choose(ctx, "vm")).endpoint.runtime).toBe("vm");
  const preferring = runtimes({ host, preferred: () => "vm" }, true);
  expect((await preferring.choose(ctx, undefined)).endpoint.runtime).toBe("vm");
  expect((await preferring.choose(ctx, "docker")).endpoint.runtime).toBe("docker");
  asked.length = 0;
  await preferring.prepare(ctx, needs());
  expect(asked).toEqual([["open", undefined]]);
});

test("what cannot be in the VM is refused before that is made, and only there", async () => {
  const { host, asked } = fakeHost();
  const mounts = [
    { ...{ source: "/srv/data", target: "/data", type: "native" as const }, uids: [], gids: [] },
  ];
  const udp = { protocol: "udp" as const, hostAddress: "127.0.0.1", hostPort: 5353, guestPort: 53 };
  for (const [all, runtime] of [
    [runtimes({ host }), undefined],
    [runtimes({ host }, true), "vm"],
    [runtimes({ host, preferred: () => "vm" }, true), undefined],
  ] as const) {
    await expect(all.prepare(ctx, { ...needs(runtime), mounts })).rejects.toMatchObject({
      code: "not-supported",
      message: "cannot mount /srv/data in web: the container host does not see the directories of this host",
    });
    await expect(all.prepare(ctx, { ...needs(runtime), ports: [udp] })).rejects.toMatchObject({
      code: "not-supported",
      message: "cannot forward 5353/udp to web: only TCP leads into the container host",
    });
  }
  await runtimes({ host }, true).prepare(ctx, { ...needs(), mounts, ports: [udp] });
  expect(asked).toEqual([]);
});

test("what is asked for and does not run is not given in the VM", async () => {
  const { host, asked } = fakeHost();
  await expect(runtimes({ host }).choose(ctx, "podman")).rejects.toMatchObject({
    code: "missing-dependency",
  });
  expect(asked).toEqual([]);
  await expect(runtimes({}).choose(ctx, undefined)).rejects.toMatchObject({ code: "missing-dependency" });
  await expect(runtimes({}).answering(ctx)).rejects.toMatchObject({ code: "missing-dependency" });
});

test("a container is looked for in the VM that it was made in, and in no other", async () => {
  const { host, asked } = fakeHost();
  const all = runtimes({ host });
  const endpoint = { runtime: "vm" as const, name: "container-host", address: { instance: "another" } };
  await expect(all.awake(ctx, endpoint)).rejects.toMatchObject({ code: "not-found" });
  expect(asked).toEqual([["open", "another"]]);
});

test("what is written in the VM is put to its disk; a runtime of this host needs no such word", async () => {
  const { host, asked } = fakeHost();
  const all = runtimes({ host }, true);
  await all.flush(ctx, await all.choose(ctx, "docker"));
  expect(asked).toEqual([]);
  await all.flush(ctx, await all.choose(ctx, "vm"));
  expect(asked).toEqual([
    ["open", undefined],
    ["flush", "the-vm"],
  ]);
});

test("a host without a runtime says where containers run then", () => {
  const none = { found: [], refused: [], unusable: [] };
  expect(infoOf(none, [])).toMatchObject({ available: false, features: [], arches: [] });
  const info = infoOf(none, [], "x86_64");
  expect(info).toMatchObject({ available: true, features: ["vm"], arches: ["x86_64"] });
  expect(info.problems).toMatchObject([
    { code: "runtime-missing", severity: "info", message: expect.stringContaining("container-host") },
  ]);
});

test("a runtime in a VM publishes no ports and shows no directories of this host", () => {
  const port = { protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 };
  const instance = {
    name: "web",
    ports: [port],
    shares: [] as DriverInstance["shares"],
  } as unknown as ContainerInstance;
  expect(withinVm(instance)).toEqual({ ...instance, ports: [] });
  const shares = [{ source: "/srv/data", target: "/data" }];
  expect(() => withinVm({ ...instance, shares })).toThrow("cannot mount /srv/data in web");
});
