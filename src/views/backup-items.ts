/** What the view *Backups* shows: repositories, in each the instances that lie there, of each its backups. Pure. */
import type { Backup, BackupConsistency, BackupPlan, BackupRepository } from "../api/backup.ts";
import type { Instance, Problem } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { imageTooltip } from "./image-items.ts";
import type { Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
import {
  ageText,
  capitalised,
  dateText,
  momentText,
  operationText,
  shortDateText,
  sizeText,
} from "./phrases.ts";
import { retentionWords, scheduleText } from "./plan-choices.ts";
import { canRollBack, possible, presentDisks } from "./possible.ts";
import { problemText } from "./problems.ts";

export type BackupItem = {
  id: string;
  label: string;
  description: string;
  icon: Icon;
  contextValue: string;
  ariaLabel: string;
  tooltip: string;
};

/** What lies in a repository, as far as it can be read. */
export type Contents = { items: readonly Backup[]; problems: readonly Problem[] };

/** The backups of one instance in one repository, the newest first; none yet of one that is only planned. */
export type BackedUp = {
  id: string;
  name: string;
  backups: readonly Backup[];
  plan?: BackupPlan | undefined;
};

const WARNING = "list.warningForeground";

const CONSISTENCIES: Readonly<Record<BackupConsistency, string>> = {
  frozen: l10n.t("while running, its filesystems in order"),
  crash: l10n.t("while running"),
  paused: l10n.t("while paused"),
  offline: l10n.t("while stopped"),
  live: l10n.t("while running, file by file"),
};

export function consistencyText(consistency: BackupConsistency): string {
  return CONSISTENCIES[consistency];
}

/** By instance, each called what its newest backup, or it itself, is called. */
export function backedUp(
  repository: string,
  { items }: Pick<Contents, "items">,
  plans: readonly BackupPlan[],
  instances: readonly Pick<Instance, "id" | "name">[],
): BackedUp[] {
  const here = plans.filter((plan) => plan.repository === repository);
  const planned = instances.flatMap(({ id, name }) => {
    const plan = here.find((one) => one.instance === name);
    return plan ? [{ id, plan }] : [];
  });
  const ids = new Set([...items.map(({ instance }) => instance.id), ...planned.map(({ id }) => id)]);
  return [...ids]
    .map((id) => {
      const backups = items
        .filter(({ instance }) => instance.id === id)
        .sort((a, b) => b.at.localeCompare(a.at));
      const now = instances.find((one) => one.id === id)?.name;
      const plan = planned.find((one) => one.id === id)?.plan;
      return { id, name: now ?? backups[0]?.instance.name ?? "", backups, plan };
    })
    .sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
}

/** `contents` are undefined while they are read. */
export function repositoryItem(
  { name, place, createdAt }: BackupRepository,
  contents: Contents | undefined,
  plans: readonly BackupPlan[],
  operation: Operation | undefined,
  now: Date,
): BackupItem {
  const here = plans.filter(({ repository }) => repository === name);
  const next = here.map(({ nextAt }) => nextAt).sort()[0];
  const problems = [
    ...(contents?.problems.map(problemText) ?? []),
    ...here.flatMap(({ instance, problem }) =>
      problem === undefined ? [] : [l10n.t("{0} could not be backed up: {1}", instance, problem)],
    ),
  ];
  const state = operation ? operationText(operation) : contentsText(contents);
  const soon = next === undefined ? [] : [l10n.t("next {0}", momentText(next, now))];
  const facts = [state, ...soon, place];
  return {
    id: `repository:${name}`,
    label: name,
    description: facts.join(" · "),
    icon: iconOf(operation, problems.length > 0),
    contextValue: ["repository", ...(operation ? [] : ["backUp", "look"]), "keep"].join("+"),
    ariaLabel: [l10n.t("repository {0}", name), ...facts, ...problems].join(", "),
    tooltip: imageTooltip(name, [
      [l10n.t("Place"), place],
      [l10n.t("Holds"), contentsText(contents)],
      [l10n.t("Next planned"), next === undefined ? l10n.t("nothing is planned") : dateText(next)],
      [l10n.t("Known since"), dateText(createdAt)],
      ...problems.map((problem): [string, string] => [l10n.t("Problem"), capitalised(problem)]),
    ]),
  };
}

function iconOf(operation: Operation | undefined, troubled: boolean): Icon {
  if (operation) return { id: "loading~spin" };
  return troubled ? { id: "warning", color: WARNING } : { id: "database" };
}

/** `12 backups, 3.4 GiB`. */
function contentsText(contents: Contents | undefined): string {
  if (!contents) return l10n.t("being read");
  const { items, problems } = contents;
  if (items.length === 0) return problems.length > 0 ? l10n.t("cannot be read") : l10n.t("empty");
  const bytes = sizeText(items.reduce((sum, { addedBytes }) => sum + addedBytes, 0));
  return items.length === 1
    ? l10n.t("1 backup, {0}", bytes)
    : l10n.t("{0} backups, {1}", items.length, bytes);
}

/** `instance` is the one that is there now. */
export function backedUpItem(
  repository: string,
  { id, name, backups, plan }: BackedUp,
  instance: Instance | undefined,
  now: Date,
): BackupItem {
  const [last] = backups;
  const facts = [
    last ? l10n.t("backed up {0}", ageText(last.at, now)) : l10n.t("no backup yet"),
    ...(plan ? [l10n.t("next {0}", momentText(plan.nextAt, now))] : []),
    ...(instance ? [] : [l10n.t("no longer there")]),
  ];
  const failed = plan?.problem;
  const can = instance && possible(instance).includes("backUp");
  return {
    id: `backed-up:${repository}:${id}`,
    label: name,
    description: [...(failed === undefined ? [] : [l10n.t("the last attempt failed")]), ...facts].join(" · "),
    icon: failed === undefined ? { id: "vm" } : { id: "warning", color: WARNING },
    contextValue: ["backed-up", ...(can ? ["backUp", "plan"] : [])].join("+"),
    ariaLabel: [name, ...facts, ...(failed === undefined ? [] : [failed])].join(", "),
    tooltip: imageTooltip(name, [
      [l10n.t("Backups"), String(backups.length)],
      ...planFacts(plan),
      ...(failed === undefined ? [] : [[l10n.t("Problem"), capitalised(failed)] as [string, string]]),
    ]),
  };
}

function planFacts(plan: BackupPlan | undefined): [string, string][] {
  if (!plan) return [[l10n.t("Schedule"), l10n.t("none")]];
  return [
    [l10n.t("Schedule"), scheduleText(plan.schedule)],
    [l10n.t("Next planned"), dateText(plan.nextAt)],
    [l10n.t("Kept"), retentionWords(plan.retention)],
  ];
}

export function backupItem(backup: Backup, instance: Instance | undefined, now: Date): BackupItem {
  const { id, repository, at, isProtected, drilledAt } = backup;
  const facts = backupFacts(backup);
  const label = shortDateText(at, now);
  return {
    id: `backup:${repository}:${id}`,
    label,
    description: [ageText(at, now), ...facts].join(" · "),
    icon: { id: isProtected ? "shield" : "archive" },
    contextValue: ["backup", ...actionsOfBackup(backup, instance)].join("+"),
    ariaLabel: [l10n.t("backup of {0}", label), ...facts].join(", "),
    tooltip: imageTooltip(`${backup.instance.name}, ${dateText(at)}`, [
      [l10n.t("Taken"), consistencyText(backup.consistency)],
      [l10n.t("Holds"), sizeText(backup.sizeBytes)],
      [l10n.t("Added"), sizeText(backup.addedBytes)],
      [l10n.t("Protected"), isProtected ? l10n.t("yes") : l10n.t("no")],
      [l10n.t("Restored and booted"), drilledAt === undefined ? l10n.t("never") : dateText(drilledAt)],
      [l10n.t("Repository"), repository],
      [l10n.t("Id"), id.slice(0, 8)],
    ]),
  };
}

/** By what it made the repository larger, how it was taken, and whether it stays. */
export function backupFacts({ consistency, addedBytes, isProtected, drilledAt }: Backup): string[] {
  return [
    l10n.t("{0} added", sizeText(addedBytes)),
    l10n.t("taken {0}", consistencyText(consistency)),
    ...(isProtected ? [l10n.t("protected")] : []),
    ...(drilledAt === undefined ? [] : [l10n.t("proven")]),
  ];
}

export function actionsOfBackup(backup: Backup, instance: Instance | undefined): string[] {
  const goesBack = instance !== undefined && canRollBack(instance);
  return [
    ...(goesBack ? ["rollBack"] : []),
    ...(goesBack && presentDisks(instance).length > 0 ? ["restoreDisk"] : []),
    ...["restoreBackup", "verify", "drill"],
    ...(backup.isProtected ? ["unprotect"] : ["protect", "deleteBackup"]),
  ];
}
