/** The command that has instances backed up by themselves: where to, how often, and which of these backups stay. */
import * as vscode from "vscode";
import type { BackupPlan, Retention, Schedule } from "../api/backup.ts";
import { retentionFrom, retentionText, scheduleOf } from "../client/backup-plan-text.ts";
import { type Args, say, targets } from "./actions.ts";
import { repositoryFor } from "./backups.ts";
import { listText } from "./phrases.ts";
import {
  KEEPS,
  numberProblem,
  PERIODS,
  type Period,
  retentionProblem,
  retentionWords,
  scheduleText,
  timeProblem,
  weekdays,
} from "./plan-choices.ts";
import type { Services } from "./services.ts";

export async function planBackups(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "backUp", args);
  if (instances.length === 0) return;
  const { api } = await services.mirror.client();
  const names = instances.map(({ name }) => name);
  const now = (await api.backups.plans()).items.find(({ instance }) => names.includes(instance));
  const title = vscode.l10n.t("Schedule Backups of {0}", listText(names));
  const period = await askPeriod(title, now);
  if (period === undefined) return;
  if (period === "never") {
    for (const name of names) await api.backups.unplan({ name });
    return say(vscode.l10n.t("Backups of {0}: when you say so.", listText(names)));
  }
  const schedule = await askSchedule(title, period, now?.schedule);
  const keeps = schedule && (await askRetention(title, now));
  const repository = keeps && (await repositoryFor(services, args));
  if (!schedule || !keeps || repository === undefined) return;
  const { retention } = keeps;
  const plan = { repository, schedule, ...(retention ? { retention } : {}) };
  for (const name of names) await api.backups.plan({ name, ...plan });
  say(vscode.l10n.t("Backups of {0}: {1}.", listText(names), scheduleText(schedule)));
}

async function askPeriod(title: string, now: BackupPlan | undefined): Promise<Period | "never" | undefined> {
  const picks: (vscode.QuickPickItem & { period: Period | "never" })[] = PERIODS.map((one) => ({
    ...one,
    ...(now?.schedule.every === one.period
      ? { description: vscode.l10n.t("as it is now: {0}", scheduleText(now.schedule)) }
      : {}),
  }));
  if (now)
    picks.push({
      period: "never",
      label: vscode.l10n.t("No Longer"),
      detail: vscode.l10n.t("Its backups stay."),
    });
  const placeHolder = vscode.l10n.t("How often?");
  return (await vscode.window.showQuickPick(picks, { title, placeHolder }))?.period;
}

/** What the schedule is now stands there already. Undefined when the user gave up. */
async function askSchedule(
  title: string,
  period: Period,
  now: Schedule | undefined,
): Promise<Schedule | undefined> {
  if (period === "hour") {
    const value = String(now?.every === "hour" ? now.minute : 0);
    const prompt = vscode.l10n.t("How many minutes past the hour?");
    const minute = await ask({ title, prompt, value }, (text) => numberProblem(text, 0, 59));
    return minute === undefined ? undefined : scheduleOf(period, `00:${minute.padStart(2, "0")}`);
  }
  const on = await askDay(title, period, now);
  if (on === undefined) return undefined;
  const value = now && now.every !== "hour" ? now.at : "02:30";
  const prompt = vscode.l10n.t(
    "At what time, by the clock of the engine's host? The first one is made now; one that is missed is made up for.",
  );
  const at = await ask({ title, prompt, value }, timeProblem);
  return at === undefined ? undefined : scheduleOf(period, at, on);
}

/** Of the week or the month. */
async function askDay(
  title: string,
  period: Exclude<Period, "hour">,
  now: Schedule | undefined,
): Promise<number | undefined> {
  if (period === "day") return 1;
  if (period === "week") {
    const picks = weekdays().map((label, index) => ({ label, weekday: index + 1 }));
    const placeHolder = vscode.l10n.t("On which day?");
    return (await vscode.window.showQuickPick(picks, { title, placeHolder }))?.weekday;
  }
  const value = String(now?.every === "month" ? now.day : 1);
  const prompt = vscode.l10n.t("On which day of the month? Where it has fewer, on its last.");
  const day = await ask({ title, prompt, value }, (text) => numberProblem(text, 1, 31));
  return day === undefined ? undefined : Number(day);
}

type Keeps = { retention: Retention | undefined };
/** One without them asks further. */
type KeepPick = vscode.QuickPickItem & { keeps?: Keeps };

async function askRetention(title: string, now: BackupPlan | undefined): Promise<Keeps | undefined> {
  const picks: KeepPick[] = [
    ...(now
      ? [
          {
            label: vscode.l10n.t("As It Is Now"),
            description: retentionWords(now.retention),
            keeps: { retention: now.retention },
          },
        ]
      : []),
    ...KEEPS.map(({ label, retention }) => ({
      ...{ label, description: retention ? retentionWords(retention) : vscode.l10n.t("none is forgotten") },
      keeps: { retention },
    })),
    { label: vscode.l10n.t("Other…") },
  ];
  const placeHolder = vscode.l10n.t(
    "Which backups of it stay? Others are forgotten after each planned one, but for protected ones.",
  );
  const picked = await vscode.window.showQuickPick(picks, { title, placeHolder });
  if (!picked || picked.keeps) return picked?.keeps;
  const prompt = vscode.l10n.t(
    "How many of each, as for restic: last=3,hourly=24,daily=7,weekly=4,monthly=6",
  );
  const value = now?.retention ? retentionText(now.retention) : "daily=7,weekly=4";
  const typed = await ask({ title, prompt, value }, retentionProblem);
  return typed === undefined ? undefined : { retention: retentionFrom(typed) };
}

async function ask(
  options: { title: string; prompt: string; value: string },
  problem: (text: string) => string | undefined,
): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({ ...options, ignoreFocusOut: true, validateInput: problem });
  return text?.trim();
}
