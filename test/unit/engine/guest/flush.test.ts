import { expect, test } from "vitest";
import { flushDisk } from "../../../../src/engine/guest/flush.ts";
import type { GuestAccess } from "../../../../src/engine/guest/guest.ts";
import { silentLog } from "../../../../src/engine/log.ts";

const unreachable = { exec: () => Promise.reject(new Error("it hangs")) } as unknown as GuestAccess;

test("a guest that does not answer keeps nothing from its end, but for whoever gives up", async () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (words: string) => void warnings.push(words) };
  await flushDisk(unreachable, { signal: new AbortController().signal, log });
  expect(warnings).toEqual(["a guest's disk could not be flushed"]);
  const gaveUp = AbortSignal.abort(new Error("given up"));
  await expect(flushDisk(unreachable, { signal: gaveUp, log })).rejects.toThrow("given up");
});
