/** What every place on a network promises when the network does not keep its own promises. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import type { Place } from "../../src/engine/backup/places/place.ts";
import type { Patience } from "../../src/engine/backup/places/retry.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { ctx } from "./driver.ts";
import { fileOf, listed } from "./place.ts";

export type ServedPlace = {
  /** Where the server listens. */
  port: number;
  /** The place by way of that port, or of the server's own. */
  open(port: number, patience: Patience): Place;
  /** How many files lie in the place that are none of the repository's. */
  strays(): Promise<number>;
  dispose(): Promise<void>;
};

/** Faults strike often here and servers are near. */
export const SHORT: Patience = { firstMs: 1, longestMs: 10, forMs: 20_000, silentMs: 700 };

/** Each has up to three faults; a failure names its seed. To shrink it would take minutes, for each run moves megabytes. */
const RUNS = { endOnFailure: true, numRuns: 5 };

export function describeFaults(name: string, makeServed: () => Promise<ServedPlace>): void {
  describe(`the place ${name}, by a bad network,`, () => {
    let served: ServedPlace;
    let clean: Place;
    let proxy: FaultProxy;
    let place: Place;

    beforeAll(async () => {
      served = await makeServed();
      clean = served.open(served.port, SHORT);
      await clean.create(ctx());
    });
    afterAll(async () => {
      clean?.dispose();
      await served?.dispose();
    });
    beforeEach(async () => {
      proxy = await startFaultProxy(served.port);
      place = served.open(proxy.port, SHORT);
    });
    afterEach(async () => {
      place.dispose();
      await proxy.stop();
    });

    const points = (most: number) => fc.integer({ min: 0, max: most });
    const faults = (way: "up" | "down", most: number): fc.Arbitrary<Fault[]> =>
      fc.array(
        fc.record({
          kind: fc.constantFrom("drop" as const, "end" as const, "stall" as const),
          [way]: points(most),
        }),
        { minLength: 1, maxLength: 3 },
      ) as fc.Arbitrary<Fault[]>;
    const SIZE = 3 * 2 ** 20 + 5;

    test("keeps a file whole, wherever its upload is cut", { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(faults("up", SIZE + 8_000), async (some) => {
          place.dispose();
          place = served.open(proxy.port, SHORT);
          const bytes = randomBytes(SIZE);
          const file = fileOf("data", bytes);
          proxy.next(...some);
          await place.save(ctx(), file, bytes);
          expect(await clean.stat(ctx(), file)).toEqual({ sizeBytes: SIZE });
          expect(fileOf("data", await clean.load(ctx(), file))).toEqual(file);
          await clean.remove(ctx(), file);
        }),
        RUNS,
      );
      await clean.sweep(ctx());
      expect(await served.strays()).toBe(0);
    });

    test("gives a file whole, wherever its answer is cut", { timeout: 120_000 }, async () => {
      const bytes = randomBytes(SIZE);
      const file = fileOf("data", bytes);
      await clean.save(ctx(), file, bytes);
      await fc.assert(
        fc.asyncProperty(faults("down", SIZE + 4_000), async (some) => {
          place.dispose();
          place = served.open(proxy.port, SHORT);
          proxy.next(...some);
          expect(fileOf("data", await place.load(ctx(), file))).toEqual(file);
        }),
        RUNS,
      );
    });

    test("lists every file once, and finds one, wherever the answer is cut", {
      timeout: 120_000,
    }, async () => {
      const all = Array.from({ length: 40 }, (_, at) => Buffer.from(`index ${at}`));
      await Promise.all(all.map((bytes) => clean.save(ctx(), fileOf("index", bytes), bytes)));
      const whole = await listed(clean, "index");
      const [one = Buffer.of()] = all;
      await fc.assert(
        fc.asyncProperty(faults("down", 9_000), async (some) => {
          place.dispose();
          place = served.open(proxy.port, SHORT);
          proxy.next(...some);
          expect(await listed(place, "index")).toEqual(whole);
          expect(await place.stat(ctx(), fileOf("index", one))).toEqual({ sizeBytes: one.length });
        }),
        RUNS,
      );
    });

    test("says that the server is away, when patience ends", async () => {
      await proxy.stop();
      const impatient = served.open(proxy.port, { ...SHORT, forMs: 60 });
      const error = await impatient.stat(ctx(), fileOf("keys", randomBytes(3))).catch((caught) => caught);
      expect(error).toMatchObject({ code: "place-unreachable", hint: expect.stringContaining("try again") });
      expect(error.message).toMatch(/^cannot look into .*: .*ECONNREFUSED/);
      impatient.dispose();
      proxy = await startFaultProxy(served.port);
    });

    test("says that the server is silent, when patience ends", async () => {
      const silent: Fault = { kind: "stall", down: 0 };
      proxy.next(...Array.from({ length: 9 }, () => silent));
      const impatient = served.open(proxy.port, { ...SHORT, silentMs: 100, forMs: 150 });
      await expect(impatient.stat(ctx(), fileOf("keys", randomBytes(3)))).rejects.toMatchObject({
        code: "place-unreachable",
      });
      impatient.dispose();
    });

    test("leaves at once when cancelled, and holds no connection when disposed of", async () => {
      proxy.next({ kind: "stall", up: 200_000 });
      const patient = served.open(proxy.port, { ...SHORT, silentMs: 60_000 });
      const bytes = randomBytes(SIZE);
      const leaving = new AbortController();
      const saving = patient.save(ctx(leaving.signal), fileOf("data", bytes), bytes).catch((error) => error);
      await sleep(300);
      leaving.abort();
      expect(await saving).toMatchObject({ code: "cancelled" });
      // A server that writes in place shows the half until it has seen the connection go, and some leave it there.
      const there = await clean.stat(ctx(), fileOf("data", bytes));
      expect(there?.sizeBytes ?? 0).toBeLessThan(SIZE);
      await patient.stat(ctx(AbortSignal.abort()), fileOf("data", bytes)).catch(() => {});
      patient.dispose();
      await expect.poll(() => proxy.open, { timeout: 10_000 }).toBe(0);
    });

    test("goes on after every connection broke between two calls", async () => {
      const bytes = randomBytes(1000);
      await place.save(ctx(), fileOf("locks", bytes), bytes);
      proxy.breakAll();
      expect(await place.stat(ctx(), fileOf("locks", bytes))).toEqual({ sizeBytes: 1000 });
      proxy.breakAll();
      await place.remove(ctx(), fileOf("locks", bytes));
      expect(await clean.stat(ctx(), fileOf("locks", bytes))).toBeUndefined();
    });
  });
}
