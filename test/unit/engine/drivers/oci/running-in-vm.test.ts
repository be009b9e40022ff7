/** Containers whose runtime is in a VM, when that goes. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EngineError } from "../../../../../src/base/errors.ts";
import { type Connect, RuntimeApi } from "../../../../../src/engine/drivers/oci/api.ts";
import { Containers, type Inspected } from "../../../../../src/engine/drivers/oci/containers.ts";
import type { ContainerInstance } from "../../../../../src/engine/drivers/oci/create-body.ts";
import { endpointIn } from "../../../../../src/engine/drivers/oci/endpoints.ts";
import { ContainerRunning } from "../../../../../src/engine/drivers/oci/running.ts";
import { RuntimeWatch } from "../../../../../src/engine/drivers/oci/runtime-watch.ts";
import { silentLog } from "../../../../../src/engine/log.ts";

const found = {
  ...{ Id: "c1", Name: "/web", Image: "", Config: { Labels: null }, Mounts: null, NetworkSettings: {} },
  State: { Running: true, Paused: false, OOMKilled: false, ExitCode: 0, StartedAt: "2026-01-01T00:00:00Z" },
} as unknown as Inspected;
const instance = { id: "i1", name: "web", memoryBytes: 0, container: {} } as unknown as ContainerInstance;
const off = () => new EngineError("missing-dependency", "that VM does not run");
const refusal = () => {
  const cause = new Error("(SSH) Channel open failure: open failed");
  return new EngineError("missing-dependency", "nothing answers in that VM", { cause });
};

/** Knows of no container. */
let server: Server;
let running: ContainerRunning | undefined;

beforeEach(async () => {
  const none = '{"message":"no such container"}';
  server = createServer((_request, response) => response.writeHead(404).end(none)).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  running?.release();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function run(connect: Connect): ContainerRunning {
  const api = new RuntimeApi(endpointIn("vm"), connect);
  const containers = new Containers(api, new RuntimeWatch(api), "engine");
  running = new ContainerRunning({ containers, instance, found, unkept: "", log: silentLog });
  return running;
}

test("they have ended with it, which is known at once", async () => {
  const { exited } = run(() => Promise.reject(off()));
  expect(await exited).toEqual({
    how: "crashed",
    detail: "the container host does not run any more; start it, then start the instance",
  });
});

test("while it runs, its runtime may be away for a moment", async () => {
  let asked = 0;
  const { port } = server.address() as net.AddressInfo;
  const { exited } = run(async () => {
    asked += 1;
    if (asked <= 2) throw refusal();
    return net.connect(port, "127.0.0.1");
  });
  expect(await exited).toEqual({ how: "crashed", detail: "its container was removed outside of Berth" });
});
