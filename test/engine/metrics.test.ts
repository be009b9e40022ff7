/** What guests use, pushed to watchers over a real socket; the "guest" is this computer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Metrics } from "../../src/api/metrics.ts";
import { privateDirectory } from "../../src/base/durable.ts";
import { currentPaths } from "../../src/base/paths.ts";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeCore } from "../support/fake-core.ts";

let home: string;
let core: FakeCore;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-metrics-"));
  const env = { ...process.env, BERTH_HOME: home };
  const { run, endpoint } = currentPaths(env);
  await privateDirectory(run);
  core = new FakeCore();
  server = await startServer({ core, version: "1", endpoint, user: "tester", log: silentLog });
  client = await connect({ env });
});
afterEach(async () => {
  client.dispose();
  await server.close();
  for (const guest of core.processes) {
    guest.close();
    await guest.exited.catch(() => {});
  }
  await rm(home, { recursive: true, force: true });
});

async function watch(signal: AbortSignal, count: number): Promise<Metrics[]> {
  const seen: Metrics[] = [];
  const stream = await client.api.instances.metrics({ name: "primary" }, { signal });
  for await (const one of stream) {
    seen.push(one);
    if (seen.length === count) break;
  }
  return seen;
}

test("watchers share one process in the guest, which ends with the last of them", async () => {
  const { signal } = new AbortController();
  const [two, three] = await Promise.all([watch(signal, 2), watch(signal, 3)]);
  expect(core.processes).toHaveLength(1);
  const [first, second] = [...two, ...three.slice(2)] as [Metrics, Metrics];
  expect(first.cpu).toBeUndefined();
  expect(first.memory?.totalBytes).toBeGreaterThan(first.memory?.usedBytes ?? Number.POSITIVE_INFINITY);
  expect(second.cpu).toBeGreaterThanOrEqual(0);
  expect(second.disk?.totalBytes).toBeGreaterThan(0);
  await core.processes[0]?.exited;
  expect((await watch(signal, 1)).length).toBe(1);
  expect(core.processes).toHaveLength(2);
});

test("the stream ends with the guest, and is refused where there is none", async () => {
  const { signal } = new AbortController();
  const watching = watch(signal, 99);
  await expect.poll(() => core.processes.length).toBe(1);
  core.processes[0]?.close();
  expect((await watching).length).toBeLessThan(99);
  await expect(
    client.api.instances.metrics({ name: "nobody" }).then((stream) => stream.next()),
  ).rejects.toMatchObject({ code: "not-found" });
});
