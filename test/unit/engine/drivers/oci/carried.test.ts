import { duplexPair } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RuntimeApi } from "../../../../../src/engine/drivers/oci/api.ts";
import { Carried } from "../../../../../src/engine/drivers/oci/carried.ts";
import { silentLog } from "../../../../../src/engine/log.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** A process of a runtime that writes down which sizes its terminal is told. */
function carried(tty: boolean) {
  const told: string[] = [];
  const json = async (_ctx: unknown, _method: string, path: string, { query }: { query: { h: string } }) =>
    void told.push(`${path} ${query.h}`);
  const place = { api: { json } as unknown as RuntimeApi, container: "c", name: "web", log: silentLog };
  const [ours, theirs] = duplexPair();
  const process = new Carried(place, ours, { tty, path: "/exec/e", exit: async () => ({ code: 0 }) });
  return { process, theirs, told };
}

const size = (rows: number) => ({ cols: 80, rows });
const settle = () => vi.advanceTimersByTimeAsync(10_000);

test("of several sizes the last one is told again when no other has come", async () => {
  const { process, told } = carried(true);
  await Promise.all([process.resize(size(24)), process.resize(size(33))]);
  await settle();
  expect(told).toEqual(["/exec/e/resize 24", "/exec/e/resize 33", "/exec/e/resize 33"]);
  process.hangUp();
});

test("one that has ended is told nothing more, nor is one without a terminal", async () => {
  const { process, theirs, told } = carried(true);
  await process.resize(size(24));
  theirs.end();
  expect(await process.exited).toEqual({ code: 0 });
  await process.resize(size(33));
  await settle();
  expect(told).toEqual(["/exec/e/resize 24"]);
  const plain = carried(false);
  await plain.process.resize(size(24));
  expect(plain.told).toEqual([]);
  plain.process.hangUp();
});
