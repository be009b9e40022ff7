import fc from "fast-check";
import { expect, test } from "vitest";
import { Retention } from "../../../../src/api/backup.ts";
import { type Kept, toForget } from "../../../../src/engine/backup/retention.ts";

const HOUR_MS = 3_600_000;
const begin = new Date(2026, 0, 1).getTime();

/** So many backups, one for each so many hours, the newest one last; named by their place. */
function each(hours: number, count: number): Kept[] {
  return Array.from({ length: count }, (_, at) => ({
    ...{ id: String(at), at: new Date(begin + at * hours * HOUR_MS), isProtected: false },
  }));
}

const stays = (backups: readonly Kept[], rules: Retention) => {
  const forgotten = new Set(toForget(backups, rules));
  return backups.filter(({ id }) => !forgotten.has(id)).map(({ at }) => at);
};

test("the last ones", () => {
  expect(toForget(each(1, 5), { last: 2 })).toEqual(["2", "1", "0"]);
});

test("the last one of each day, also where days have none", () => {
  const backups = [...each(6, 8), { id: "late", at: new Date(2026, 0, 9, 12), isProtected: false }];
  expect(stays(backups, { daily: 3 })).toEqual([
    new Date(2026, 0, 1, 18),
    new Date(2026, 0, 2, 18),
    new Date(2026, 0, 9, 12),
  ]);
});

test("weeks begin on Monday", () => {
  // The first of January 2026 is a Thursday.
  expect(stays(each(24, 14), { weekly: 2 })).toEqual([new Date(2026, 0, 11), new Date(2026, 0, 14)]);
});

test("a rule's backup counts for the others, too", () => {
  expect(stays(each(24, 62), { last: 1, monthly: 2, yearly: 1 })).toEqual([
    new Date(2026, 1, 28),
    new Date(2026, 2, 3),
  ]);
});

test("protected ones stay and use up nothing", () => {
  const backups = each(1, 4).map((backup, at) => ({ ...backup, isProtected: at === 3 || at === 0 }));
  expect(toForget(backups, { last: 1 })).toEqual(["1"]);
});

const counts = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
const rules = fc.record({
  ...{ last: counts, hourly: counts, daily: counts, weekly: counts, monthly: counts, yearly: counts },
});
const many = fc
  .array(fc.record({ hours: fc.integer({ min: 0, max: 20_000 }), isProtected: fc.boolean() }), {
    maxLength: 60,
  })
  .map((all) =>
    all.map(({ hours, isProtected }, at): Kept => {
      return { id: `b${at}`, at: new Date(begin + hours * HOUR_MS), isProtected };
    }),
  );

test("whatever the rules: the newest stays, forgetting again forgets nothing more, and rules add up", () => {
  fc.assert(
    fc.property(many, rules, (backups, rules) => {
      const forgotten = toForget(backups, rules);
      const left = backups.filter(({ id }) => !forgotten.includes(id));
      const newest = Math.max(...backups.map(({ at }) => at.getTime()));
      if (backups.length > 0) expect(Math.max(...left.map(({ at }) => at.getTime()))).toBe(newest);
      expect(toForget(left, rules)).toEqual([]);
      for (const rule of Object.keys(rules) as (keyof Retention)[]) {
        const alone = { [rule]: rules[rule] };
        if (!rules[rule]) continue;
        const byOne = new Set(toForget(backups, alone));
        for (const id of forgotten) expect(byOne).toContain(id);
      }
    }),
  );
});

test("rules that keep nothing are no rules", () => {
  expect(Retention.safeParse({}).success).toBe(false);
  expect(Retention.safeParse({ daily: 0 }).success).toBe(false);
  expect(toForget(each(1, 3), { last: 0 })).toEqual([]);
});
