import { expect, test } from "vitest";
import type { Schedule } from "../../../src/api/backup.ts";
import { formatPlans, keepOf, type PlanOptions, planOf } from "../../../src/cli/backup-plans.ts";

test.each<[PlanOptions, Schedule]>([
  [
    { every: "hour", at: "00:15" },
    { every: "hour", minute: 15 },
  ],
  [{ every: "hour" }, { every: "hour", minute: 0 }],
  [
    { every: "day", at: "02:30" },
    { every: "day", at: "02:30" },
  ],
  [
    { every: "week", at: "02:30", on: 5 },
    { every: "week", at: "02:30", weekday: 5 },
  ],
  [
    { every: "month", on: 31 },
    { every: "month", at: "00:00", day: 31 },
  ],
])("the options %o are a schedule", (options, schedule) => {
  expect(planOf(options)).toEqual({ schedule });
});

test("rules of what stays are written one after the other", () => {
  expect(keepOf("last=3, daily=7,yearly=0")).toEqual({ last: 3, daily: 7, yearly: 0 });
  for (const text of ["", "daily", "daily=-1", "daily=7;weekly=4", "always=1"])
    expect(() => keepOf(text)).toThrow(/is no rule/);
});

test("plans are a table", () => {
  const plan = {
    ...{ instance: "web", repository: "main", schedule: { every: "day", at: "02:30" } as const },
    ...{ nextAt: "2026-12-01T02:30:00.000Z", retention: { daily: 7 } },
  };
  expect(formatPlans([plan], "table")).toBe(
    [
      "Instance  Every  Last  Next              Keeps    Repository  Problem",
      "web       day    --    2026-12-01 02:30  daily=7  main        --",
      "",
    ].join("\n"),
  );
  expect(formatPlans([], "table")).toContain("berth backup schedule NAME");
});
