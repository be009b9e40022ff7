/** When an instance is backed up by itself and which of these backups stay: what can be chosen, and how it is told. Pure. */
import type { Retention, Schedule } from "../api/backup.ts";
import { TIME_OF_DAY } from "../api/time-of-day.ts";
import { messageOf } from "../base/errors.ts";
import { KEPT, retentionFrom } from "../client/backup-plan-text.ts";
import { l10n } from "./l10n.ts";
import { capitalised } from "./phrases.ts";

export type Period = Schedule["every"];

export const PERIODS: readonly { period: Period; label: string }[] = [
  { period: "hour", label: l10n.t("Every Hour") },
  { period: "day", label: l10n.t("Every Day") },
  { period: "week", label: l10n.t("Every Week") },
  { period: "month", label: l10n.t("Every Month") },
];

/** What most people want to keep, from little to much. */
export const KEEPS: readonly { label: string; retention: Retention | undefined }[] = [
  { label: l10n.t("A Few"), retention: { last: 7 } },
  { label: l10n.t("Half a Year"), retention: { daily: 7, weekly: 4, monthly: 6 } },
  { label: l10n.t("Two Years"), retention: { hourly: 24, daily: 14, weekly: 8, monthly: 24 } },
  { label: l10n.t("All of Them"), retention: undefined },
];

/** `every day at 02:30`. */
export function scheduleText(schedule: Schedule): string {
  switch (schedule.every) {
    case "hour":
      return l10n.t("every hour, {0} minutes past", schedule.minute);
    case "day":
      return l10n.t("every day at {0}", schedule.at);
    case "week":
      return l10n.t("every week on {0} at {1}", weekdays()[schedule.weekday - 1] ?? "", schedule.at);
    case "month":
      return l10n.t("every month on day {0} at {1}", schedule.day, schedule.at);
  }
}

/** Monday first, in the language of this computer. */
export function weekdays(): string[] {
  const names = new Intl.DateTimeFormat(undefined, { weekday: "long", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, day) => names.format(Date.UTC(2024, 0, 1 + day)));
}

const RULES: Readonly<Record<(typeof KEPT)[number], (count: number) => string>> = {
  last: (count) => l10n.t("the last {0}", count),
  hourly: (count) => l10n.t("{0} hourly", count),
  daily: (count) => l10n.t("{0} daily", count),
  weekly: (count) => l10n.t("{0} weekly", count),
  monthly: (count) => l10n.t("{0} monthly", count),
  yearly: (count) => l10n.t("{0} yearly", count),
};

/** `7 daily, 4 weekly`; all where there are no rules. */
export function retentionWords(rules: Retention | undefined): string {
  if (!rules) return l10n.t("all");
  return KEPT.flatMap((name) => (rules[name] ? [RULES[name](rules[name])] : [])).join(", ");
}

export function timeProblem(text: string): string | undefined {
  return TIME_OF_DAY.test(text.trim()) ? undefined : l10n.t("Write a time as 02:30.");
}

/** Of a number that is typed, such as a minute. */
export function numberProblem(text: string, from: number, to: number): string | undefined {
  const value = /^\d{1,2}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? undefined : l10n.t("A whole number from {0} to {1}.", from, to);
}

export function retentionProblem(text: string): string | undefined {
  try {
    const rules = retentionFrom(text);
    if (Object.values(rules).some((count = 0) => count > 0)) return undefined;
    return l10n.t("At least one rule has to keep something.");
  } catch (error) {
    return capitalised(messageOf(error));
  }
}
