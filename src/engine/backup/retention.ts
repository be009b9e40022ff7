/**
 * Which backups stay when old ones are forgotten. The rules mean what restic's `forget --keep-*` mean, since people
 * know those.
 */
import type { Retention } from "../../api/backup.ts";

export type Kept = { id: string; at: Date; isProtected: boolean };

/** The name of the period that a moment lies in, by the host's own clock; equal for all moments of it. */
type Period = (at: Date) => string;

const dayOf: Period = (at) => `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}`;

const PERIODS: readonly [Exclude<keyof Retention, "last">, Period][] = [
  ["hourly", (at) => `${dayOf(at)} ${at.getHours()}`],
  ["daily", dayOf],
  ["weekly", (at) => dayOf(mondayOf(at))],
  ["monthly", (at) => `${at.getFullYear()}-${at.getMonth()}`],
  ["yearly", (at) => `${at.getFullYear()}`],
];

/**
 * The ids of those that no rule keeps. Protected ones are kept and use up nothing. Never all of what there is: with
 * rules that keep nothing, nothing is forgotten.
 */
export function toForget(backups: readonly Kept[], rules: Retention): string[] {
  const newestFirst = [...backups].sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? -1 : 1));
  const counted = newestFirst.filter(({ isProtected }) => !isProtected);
  const kept = new Set(counted.slice(0, rules.last ?? 0));
  for (const [rule, period] of PERIODS) {
    for (const backup of newestOfEach(counted, period).slice(0, rules[rule] ?? 0)) kept.add(backup);
  }
  if (kept.size === 0) return [];
  return counted.filter((backup) => !kept.has(backup)).map(({ id }) => id);
}

/** They come, and are given, newest first. */
function newestOfEach(backups: readonly Kept[], period: Period): Kept[] {
  const newest = new Map<string, Kept>();
  for (const backup of backups) {
    const name = period(backup.at);
    if (!newest.has(name)) newest.set(name, backup);
  }
  return [...newest.values()];
}

function mondayOf(at: Date): Date {
  const daysSince = (at.getDay() + 6) % 7;
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() - daysSince);
}
