import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import { retryAfterMs } from "../../../../src/engine/backup/places/http.ts";
import { type Patience, pauseMs, retrying } from "../../../../src/engine/backup/places/retry.ts";
import { TransientError } from "../../../../src/engine/transient.ts";
import { ctx } from "../../../contract/driver.ts";

const patience: Patience = { firstMs: 1, longestMs: 2, forMs: 60, silentMs: 1000 };
const purpose = { verb: "write to", place: "rest:http://host/x" };

test("what may pass is tried again, everything else is not", async () => {
  const numbers: number[] = [];
  const value = await retrying(ctx(), patience, purpose, async ({ number }) => {
    numbers.push(number);
    if (number < 4) throw new TransientError("lost");
    return "kept";
  });
  expect([value, numbers]).toEqual(["kept", [1, 2, 3, 4]]);

  let asked = 0;
  const refusal = new EngineError("permission-denied", "cannot write to it");
  const refused = retrying(ctx(), patience, purpose, async () => {
    asked += 1;
    throw refusal;
  });
  await expect(refused).rejects.toBe(refusal);
  expect(asked).toBe(1);
});

test("patience ends in words, and begins anew where something was done", async () => {
  const lost = async () => {
    throw new TransientError("it closed the connection");
  };
  const error = await retrying(ctx(), patience, purpose, lost).catch((caught) => caught);
  expect(error).toMatchObject({ code: "place-unreachable", cause: expect.any(TransientError) });
  expect(error.message).toBe("cannot write to rest:http://host/x: it closed the connection");
  expect(error.hint).toContain("try again");

  const started = performance.now();
  await retrying(ctx(), { ...patience, firstMs: 10, longestMs: 10 }, purpose, async ({ number, moved }) => {
    moved();
    if (number < 15) throw new TransientError("lost");
  });
  expect(performance.now() - started).toBeGreaterThan(patience.forMs);
});

test("who cancels while it waits leaves at once", async () => {
  const leaving = new AbortController();
  const slow = { ...patience, firstMs: 60_000, longestMs: 60_000, forMs: 600_000 };
  const waiting = retrying(ctx(leaving.signal), slow, purpose, async () => {
    setTimeout(() => leaving.abort(), 5);
    throw new TransientError("lost");
  });
  await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
});

test("a pause grows, is never long, and never shorter than the server asks for", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.nat(100_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (fruitless, after, chance) => {
        const limits = { firstMs: 500, longestMs: 30_000 };
        const pause = pauseMs(limits, fruitless, after, chance);
        expect(pause).toBeGreaterThanOrEqual(after);
        expect(pause).toBeLessThanOrEqual(Math.max(after, 30_000 * 1.25));
        expect(pauseMs(limits, fruitless + 2, after, chance)).toBeGreaterThanOrEqual(pause);
      },
    ),
  );
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-11-30T12:00:00Z");
  expect(retryAfterMs("120", now)).toBe(120_000);
  expect(retryAfterMs("Mon, 30 Nov 2026 12:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterMs("Mon, 30 Nov 2026 11:00:00 GMT", now)).toBe(0);
  expect(retryAfterMs("soon", now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
