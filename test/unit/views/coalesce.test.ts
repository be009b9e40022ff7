import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Coalescer } from "../../../src/views/coalesce.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the first goes through at once, a burst once per interval, the last is never lost", () => {
  const seen: (readonly string[])[] = [];
  const coalescer = new Coalescer(300, (ids) => seen.push(ids));
  coalescer.add(["a"]);
  expect(seen).toEqual([["a"]]);
  coalescer.add(["a"]);
  coalescer.add(["b", "a"]);
  expect(seen).toHaveLength(1);
  vi.advanceTimersByTime(300);
  expect(seen).toEqual([["a"], ["a", "b"]]);
  vi.advanceTimersByTime(300);
  expect(vi.getTimerCount()).toBe(0);
  coalescer.add([]);
  expect(seen).toEqual([["a"], ["a", "b"], []]);
});

test("steady changes are handed over steadily", () => {
  let flushes = 0;
  const coalescer = new Coalescer(300, () => {
    flushes += 1;
  });
  for (let at = 0; at < 3000; at += 100) {
    coalescer.add(["a"]);
    vi.advanceTimersByTime(100);
  }
  expect(flushes).toBeGreaterThanOrEqual(9);
  expect(flushes).toBeLessThanOrEqual(11);
});

test("after its end nothing is handed over and no timer is left", () => {
  const seen: (readonly string[])[] = [];
  const coalescer = new Coalescer(300, (ids) => seen.push(ids));
  coalescer.add(["a"]);
  coalescer.add(["b"]);
  coalescer.dispose();
  vi.advanceTimersByTime(1000);
  expect(seen).toEqual([["a"]]);
  expect(vi.getTimerCount()).toBe(0);
});
