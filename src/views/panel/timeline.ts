/** All that an instance can go back to, the newest first: snapshots, its kept memory, backups. Pure. */

import type { Backup } from "../../api/backup.ts";
import type { Instance } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import type { Snapshot } from "../../api/snapshot.ts";
import { backupFacts, consistencyText } from "../backup-items.ts";
import { l10n } from "../l10n.ts";
import { capitalised, cpusText, dateText, dayText, sizeText, timeText } from "../phrases.ts";
import { pageText } from "../plain-text.ts";
import { canRollBack } from "../possible.ts";
import type { PanelAction, TimelineRow } from "./protocol.ts";

export type Moments = {
  instance: Instance;
  snapshots: readonly Snapshot[];
  backups: readonly Backup[];
  /** All that are known, of any instance. */
  operations: readonly Operation[];
  /** Set where nothing can be asked of the engine. */
  lost?: string | undefined;
};

/** Commands that a row may ask for. */
export const TIMELINE_COMMANDS: ReadonlySet<string> = new Set([
  ...["berth.rollBack", "berth.renameSnapshot", "berth.deleteSnapshot"],
  ...["berth.restoreBackup", "berth.browseBackup", "berth.start"],
]);

export function timeline(moments: Moments): TimelineRow[] {
  const { snapshots, backups } = moments;
  const all = [
    ...snapshots.map((one) => ({ at: one.createdAt, row: snapshotRow(one, moments) })),
    ...backups.map((one) => ({ at: one.at, row: backupRow(one, moments) })),
    ...memoryRow(moments),
  ].sort((a, b) => b.at.localeCompare(a.at) || a.row.id.localeCompare(b.row.id));
  const [newest] = all;
  const undone = snapshots.find(({ id }) => id === newest?.row.id);
  return all.map(({ row }) => (row === newest?.row && undone?.before === "restore" ? asUndo(row) : row));
}

/** What the instance was before it was rolled back: nothing has been kept of it since. */
function asUndo(row: TimelineRow): TimelineRow {
  const named = (one: PanelAction): PanelAction =>
    one.command === "berth.rollBack" ? { ...one, label: l10n.t("Undo"), primary: true } : one;
  return { ...row, actions: row.actions.map(named) };
}

function rollBack({ instance, lost }: Moments): PanelAction[] {
  if (lost !== undefined || !canRollBack(instance)) return [];
  return [{ command: "berth.rollBack", label: l10n.t("Roll Back") }];
}

function snapshotRow(snapshot: Snapshot, moments: Moments): TimelineRow {
  const { id, name, comment, current, createdAt, before } = snapshot;
  const { instance, lost } = moments;
  const isStopped = instance.state === "stopped" && canRollBack(instance);
  return {
    ...{ kind: "snapshot", id, name, ...moment(createdAt) },
    what: [before === undefined ? l10n.t("Snapshot") : l10n.t("Automatic snapshot"), pageText(comment)]
      .filter((text) => text !== "")
      .join(" · "),
    ...(current ? { current: true } : {}),
    ...(before === undefined ? {} : { automatic: true }),
    actions: [
      ...rollBack(moments),
      ...(lost === undefined ? [{ command: "berth.renameSnapshot", label: l10n.t("Rename") }] : []),
      ...(lost === undefined && isStopped
        ? [{ command: "berth.deleteSnapshot", label: l10n.t("Delete") }]
        : []),
    ],
    facts: snapshotFacts(snapshot),
  };
}

function moment(at: string): Pick<TimelineRow, "day" | "time"> {
  return { day: dayText(at), time: timeText(at) };
}

function snapshotFacts(snapshot: Snapshot): [string, string][] {
  const mounts = snapshot.mounts.map(({ source, target }) => `${source} → ${target}`).join(", ");
  return [
    [l10n.t("Created"), dateText(snapshot.createdAt)],
    [l10n.t("Parent"), snapshot.parent ?? l10n.t("none")],
    [l10n.t("CPUs"), String(snapshot.cpus)],
    [l10n.t("Memory"), sizeText(snapshot.memoryBytes)],
    [l10n.t("Disk"), sizeText(snapshot.diskBytes)],
    [l10n.t("Grown since its parent"), sizeText(snapshot.sizeBytes)],
    [l10n.t("Mounts"), mounts || l10n.t("none")],
  ];
}

/** What the page calls it by: other repositories may have one of the same id. */
export function momentId({ repository, id }: Backup): string {
  return `${repository}:${id}`;
}

function backupRow(backup: Backup, moments: Moments): TimelineRow {
  const { repository, at, consistency, sizeBytes } = backup;
  const more = [
    { command: "berth.browseBackup", label: l10n.t("Files") },
    { command: "berth.restoreBackup", label: l10n.t("New Instance…") },
  ];
  return {
    ...{ kind: "backup", id: momentId(backup), ...moment(at) },
    name: l10n.t("Backup in {0}", repository),
    what: capitalised(backupFacts(backup).join(" · ")),
    actions: [
      ...(canRollBack(moments.instance) ? rollBack(moments) : []),
      ...(moments.lost === undefined ? more : []),
    ],
    facts: [
      [l10n.t("Created"), dateText(at)],
      [l10n.t("Disk"), sizeText(sizeBytes)],
      [l10n.t("Taken"), consistencyText(consistency)],
    ],
  };
}

/** When it was suspended is known as long as the engine remembers that operation. */
function memoryRow({ instance, operations, lost }: Moments): { at: string; row: TimelineRow }[] {
  const { state, name, memoryBytes, cpus, updatedAt } = instance;
  if (state !== "suspended") return [];
  const suspended = operations
    .filter((one) => one.kind === "suspend" && one.target === name && one.status === "succeeded")
    .map((one) => one.updatedAt)
    .sort()
    .at(-1);
  const at = suspended ?? updatedAt;
  const size = l10n.t("{0} and {1} memory", cpusText(cpus), sizeText(memoryBytes));
  const start = { command: "berth.start", label: l10n.t("Start"), primary: true as const };
  const row: TimelineRow = {
    ...{ kind: "memory", id: "memory", name: l10n.t("Kept memory"), ...moment(at) },
    what: l10n.t("Suspended with {0}", size),
    actions: lost === undefined && instance.operation === undefined ? [start] : [],
    facts: [],
  };
  return [{ at, row }];
}
