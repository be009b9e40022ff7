import { expect, test } from "vitest";
import { type Done, dueJob } from "../../../../src/engine/backup/upkeep.ts";

const at = (day: number, hour = 0) => new Date(Date.UTC(2026, 10, day, hour));
const iso = (day: number, hour?: number) => at(day, hour).toISOString();
const since = iso(1);

test.each<[string, Done, Date, ReturnType<typeof dueJob>]>([
  ["nothing on its first day", { since }, at(1, 23), undefined],
  ["a share on the second", { since }, at(2), "share"],
  ["no share twice a day", { since, share: iso(2) }, at(2, 12), undefined],
  ["a prune after a week", { since, share: iso(7) }, at(8), "prune"],
  ["all of it after a month, before a share", { since, share: iso(29), prune: iso(29) }, at(31), "whole"],
  ["nothing for an hour after a failure", { since, failed: iso(3) }, at(3, 0), undefined],
  ["another attempt after that", { since, failed: iso(3) }, at(3, 1), "share"],
  ["what a clock that was set back leaves out", { since, share: iso(20), prune: iso(20) }, at(2), "prune"],
])("there is %s", (_what, done, now, job) => {
  expect(dueJob(done, now)).toBe(job);
});
