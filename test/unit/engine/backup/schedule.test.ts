import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Schedule } from "../../../../src/api/backup.ts";
import { isDue, lastDue, nextDue } from "../../../../src/engine/backup/schedule.ts";

const zone = process.env["TZ"];
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

/** Without and with daylight saving, on both sides of the date line, with a half hour. */
const zones = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
);
const at = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([hours, minutes]) => `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`);
const schedules: fc.Arbitrary<Schedule> = fc.oneof(
  fc.record({ every: fc.constant("hour" as const), minute: fc.integer({ min: 0, max: 59 }) }),
  fc.record({ every: fc.constant("day" as const), at }),
  fc.record({ every: fc.constant("week" as const), at, weekday: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ every: fc.constant("month" as const), at, day: fc.integer({ min: 1, max: 31 }) }),
);
const moments = fc.date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true });

describe("any schedule", () => {
  test("has its last moment, now, and its next one, with none between", () => {
    fc.assert(
      fc.property(zones, schedules, moments, (tz, schedule, now) => {
        process.env["TZ"] = tz;
        expect(Schedule.parse(schedule)).toEqual(schedule);
        const [last, next] = [lastDue(schedule, now), nextDue(schedule, now)];
        expect(last.getTime()).toBeLessThanOrEqual(now.getTime());
        expect(next.getTime()).toBeGreaterThan(now.getTime());
        expect(lastDue(schedule, next)).toEqual(next);
        expect(lastDue(schedule, new Date(next.getTime() - 1))).toEqual(last);
      }),
    );
  });

  test("is due once for all that was missed", () => {
    fc.assert(
      fc.property(zones, schedules, moments, moments, (tz, schedule, a, b) => {
        process.env["TZ"] = tz;
        const [began, now] = a < b ? [a, b] : [b, a];
        expect(isDue(schedule, now, began)).toBe(nextDue(schedule, began) <= now);
        expect(isDue(schedule, now, now)).toBe(false);
        expect(isDue(schedule, began, undefined)).toBe(true);
      }),
    );
  });
});

const monthly = (day: number): Schedule => ({ every: "month", at: "02:30", day });
test.each<[string, Schedule, string, string]>([
  ["the hour", { every: "hour", minute: 5 }, "2026-03-01T10:04", "2026-03-01T10:05"],
  ["the next hour", { every: "hour", minute: 5 }, "2026-03-01T10:05", "2026-03-01T11:05"],
  ["tonight", { every: "day", at: "23:00" }, "2026-03-01T10:04", "2026-03-01T23:00"],
  ["Monday", { every: "week", at: "02:30", weekday: 1 }, "2026-03-01T10:04", "2026-03-02T02:30"],
  ["Sunday", { every: "week", at: "02:30", weekday: 7 }, "2026-03-01T10:04", "2026-03-08T02:30"],
  ["a month's last day", monthly(31), "2026-02-10T00:00", "2026-02-28T02:30"],
  ["that of a longer one", monthly(31), "2026-02-28T02:30", "2026-03-31T02:30"],
  ["over a year's end", monthly(1), "2026-12-02T00:00", "2027-01-01T02:30"],
])("%s", (_, schedule, now, next) => {
  expect(nextDue(schedule, new Date(now))).toEqual(new Date(next));
});

test("a clock that was set back does not put a backup off", () => {
  const schedule: Schedule = { every: "day", at: "02:30" };
  expect(isDue(schedule, new Date("2026-03-01T10:00"), new Date("2036-03-01T10:00"))).toBe(true);
});

test.each([
  { every: "day", at: "24:00" },
  { every: "day", at: "2:30" },
  { every: "hour", minute: 60 },
  { every: "month", at: "02:30", day: 0 },
  { every: "year" },
])("%j is refused", (value) => {
  expect(Schedule.safeParse(value).success).toBe(false);
});
