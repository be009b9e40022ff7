import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EngineError } from "../../../src/base/errors.ts";
import { Emitter } from "../../../src/base/event.ts";
import type { MirrorConnection } from "../../../src/client/mirror.ts";
import { Outage } from "../../../src/views/outage.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const error = new EngineError("engine-unavailable", "cannot reach the engine");

function setup(known: number) {
  const changed = new Emitter<MirrorConnection>();
  const source = {
    instances: new Map(Array.from({ length: known }, (_, index) => [String(index), {}])),
    connection: { state: "idle" } as MirrorConnection,
    onDidChangeConnection: changed.event,
  };
  const outage = new Outage(source);
  const become = (connection: MirrorConnection) => {
    source.connection = connection;
    changed.fire(connection);
  };
  return { outage, become };
}

test("where nothing is known it is told at once, and stays told while it is tried again", () => {
  const { outage, become } = setup(0);
  become({ state: "connecting" });
  expect(outage.error).toBeUndefined();
  become({ state: "unavailable", error });
  expect(outage.error).toBe(error);
  become({ state: "connecting" });
  expect(outage.error).toBe(error);
  become({ state: "connected" });
  expect(outage.error).toBeUndefined();
});

test("an engine that is back soon is not missed", () => {
  const { outage, become } = setup(2);
  become({ state: "connected" });
  become({ state: "unavailable", error });
  become({ state: "connecting" });
  vi.advanceTimersByTime(500);
  become({ state: "connected" });
  vi.advanceTimersByTime(10_000);
  expect(outage.error).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test("an engine that stays away is told after the grace, also when that ends in the middle of an attempt", () => {
  const { outage, become } = setup(2);
  become({ state: "connected" });
  become({ state: "unavailable", error });
  become({ state: "connecting" });
  vi.advanceTimersByTime(2_500);
  expect(outage.error).toBeUndefined();
  become({ state: "unavailable", error });
  vi.advanceTimersByTime(2_000);
  expect(outage.error).toBe(error);
});

test("after its end no timer is left", () => {
  const { outage, become } = setup(1);
  become({ state: "unavailable", error });
  outage.dispose();
  expect(vi.getTimerCount()).toBe(0);
});
