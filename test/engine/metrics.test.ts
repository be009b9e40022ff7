import { afterEach, beforeEach, expect, test } from "vitest";
import type { Metrics } from "../../src/api/metrics.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import type { FakeCore } from "../support/fake-core.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

let served: FakeServer;
let core: FakeCore;
let client: EngineClient;

beforeEach(async () => {
  served = await fakeServer();
  ({ core, client } = served);
});
afterEach(() => served.dispose());

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
