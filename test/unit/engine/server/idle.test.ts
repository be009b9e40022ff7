import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Emitter } from "../../../../src/base/event.ts";
import { leaveWhenIdle } from "../../../../src/engine/server/idle.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp(idle: boolean) {
  const state = { idle };
  const change = new Emitter<void>();
  const leave = vi.fn();
  const watch = leaveWhenIdle({
    isIdle: () => state.idle,
    changes: [change.event],
    afterMs: () => 1000,
    leave,
  });
  const become = (next: boolean) => {
    state.idle = next;
    change.fire();
  };
  return { become, leave, watch };
}

test("leaves after an idle time, once", () => {
  const { leave, become } = setUp(true);
  vi.advanceTimersByTime(999);
  expect(leave).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  become(false);
  become(true);
  vi.advanceTimersByTime(5000);
  expect(leave).toHaveBeenCalledTimes(1);
});

test("work begins the wait anew, and no timer runs during it", () => {
  const { leave, become } = setUp(true);
  vi.advanceTimersByTime(999);
  become(false);
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(10_000);
  become(true);
  vi.advanceTimersByTime(999);
  expect(leave).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(leave).toHaveBeenCalledTimes(1);
});

test("changes that leave it idle do not prolong the wait", () => {
  const { leave, become } = setUp(true);
  vi.advanceTimersByTime(600);
  become(true);
  vi.advanceTimersByTime(400);
  expect(leave).toHaveBeenCalledTimes(1);
});

test("disposed, it has no timer", () => {
  const { watch } = setUp(true);
  watch.dispose();
  expect(vi.getTimerCount()).toBe(0);
});
