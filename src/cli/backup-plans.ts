/** backup schedule: what is backed up by itself. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { BackupPlan, NewBackupPlan, Retention, Schedule } from "../api/backup.ts";
import { messageOf } from "../base/errors.ts";
import { retentionFrom, retentionText, scheduleOf } from "../client/backup-plan-text.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export type PlanOptions = {
  every?: Schedule["every"];
  at?: string;
  on?: number;
  keep?: Retention;
  repository?: string;
  off?: boolean;
};

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

export function addPlanCommand(backup: Command, session: Session): void {
  formatOption(
    backup
      .command("schedule")
      .description("Back an instance up by itself; without one, show what is")
      .argument("[instance]")
      .addOption(new Option("--every <period>", "how often").choices(["hour", "day", "week", "month"]))
      .option("--at <time>", "02:30, by the clock of the engine's host; of an hour its minute, as 00:15")
      .option("--on <day>", "of a week its day, as monday; of a month its date", dayOf)
      .option("--keep <rules>", "which stay: last=3,daily=7,weekly=4; all where it is left out", keepOf)
      .option("-r, --repository <name>", "where to; needed where there are several")
      .addOption(new Option("--off", "no longer; its backups stay").conflicts(["every", "keep"])),
  ).action(async (instance: string | undefined, options: PlanOptions & { format: Format }) => {
    const { api } = await session.client();
    if (instance !== undefined && options.off) await api.backups.unplan({ name: instance });
    else if (instance !== undefined && options.every)
      await api.backups.plan({ name: instance, ...planOf(options) });
    const { items } = await api.backups.plans();
    const shown = items.filter((one) => instance === undefined || one.instance === instance);
    session.print(formatPlans(shown, options.format));
  });
}

/** What the options ask for. Pure. */
export function planOf({ every = "day", at = "00:00", on, keep, repository }: PlanOptions): NewBackupPlan {
  return {
    schedule: scheduleOf(every, at, on),
    ...(keep ? { retention: keep } : {}),
    ...(repository === undefined ? {} : { repository }),
  };
}

function dayOf(text: string): number {
  const weekday = DAYS.findIndex((day) => day.startsWith(text.toLowerCase()) && text.length >= 3);
  if (weekday >= 0) return weekday + 1;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${text} is neither a day of the week nor a date.`);
}

/** `daily=7,weekly=4`. Throws for what is no rule. */
export function keepOf(text: string): Retention {
  try {
    return retentionFrom(text);
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`);
  }
}

/** Pure. */
export function formatPlans(items: readonly BackupPlan[], format: Format): string {
  if (format === "json") return json({ plans: items });
  if (items.length === 0) return "Nothing is backed up by itself: berth backup schedule NAME --every day\n";
  return table(
    ["Instance", "Every", "Last", "Next", "Keeps", "Repository", "Problem"],
    items.map((one) => [
      one.instance,
      one.schedule.every,
      minuteOf(one.lastAt),
      minuteOf(one.nextAt),
      one.retention ? retentionText(one.retention) : "all",
      one.repository,
      one.problem ?? "--",
    ]),
  );
}

function minuteOf(at: string | undefined): string {
  return at === undefined ? "--" : at.slice(0, 16).replace("T", " ");
}
