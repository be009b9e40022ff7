/** An instance's snapshots as rows: who stands on whom, and what can be done with each. Pure. */

import type { Instance } from "../api/instance.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
import { ageText, cpusText, listText, sizeText } from "./phrases.ts";
import { plainText } from "./plain-text.ts";
import { canRollBack } from "./possible.ts";
import { escapeMarkdown } from "./tooltip.ts";

export type SnapshotItem = {
  id: string;
  label: string;
  description: string;
  icon: Icon;
  contextValue: string;
  ariaLabel: string;
  hasChildren: boolean;
};

/** Those that stand on this one; without a name, those that stand on nothing. Oldest first. */
export function childrenOf(all: readonly Snapshot[], parent: string | undefined): Snapshot[] {
  const names = new Set(all.map(({ name }) => name));
  // A parent that is not listed must not hide what stands on it.
  const own = (one: Snapshot) => (one.parent !== undefined && names.has(one.parent) ? one.parent : undefined);
  return all
    .filter((one) => own(one) === parent)
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.name.localeCompare(b.name));
}

export function snapshotItem(snapshot: Snapshot, instance: Instance | undefined, now: Date): SnapshotItem {
  const { id, name, comment, current, createdAt, children, before } = snapshot;
  const facts = [
    ...(current ? [l10n.t("current")] : []),
    ...(before === undefined ? [] : [l10n.t("automatic")]),
    ageText(createdAt, now),
    ...(comment === "" ? [] : [oneLine(comment)]),
  ];
  return {
    // vscode remembers by its id that a row had nothing beneath it, and would keep what comes there folded.
    id: `snapshot:${id}${children.length > 0 ? ":parent" : ""}`,
    label: name,
    description: facts.join(" · "),
    icon: current ? { id: "circle-filled", color: "charts.green" } : { id: "circle-outline" },
    contextValue: ["snapshot", ...actionsOfSnapshot(instance)].join("+"),
    ariaLabel: [l10n.t("snapshot {0}", name), ...facts].join(", "),
    hasChildren: children.length > 0,
  };
}

/** Names and comments can be changed at any time; the disk only while the instance is stopped, for which a roll back sees. */
export function actionsOfSnapshot(instance: Instance | undefined): string[] {
  if (!instance || instance.state === "deleted" || instance.operation !== undefined) return [];
  const stopped = instance.state === "stopped" && instance.zone.available;
  return [
    ...(canRollBack(instance) ? ["rollBack"] : []),
    ...(stopped ? ["restoreSnapshot", "deleteSnapshot"] : []),
    "editSnapshot",
  ];
}

export function snapshotTooltip(snapshot: Snapshot): string {
  const { name, comment, parent, createdAt, cpus, memoryBytes, diskBytes, sizeBytes, current, before } =
    snapshot;
  const rows = [
    [l10n.t("Taken"), new Date(createdAt).toLocaleString()],
    [l10n.t("Stands on"), parent ?? l10n.t("nothing")],
    [
      l10n.t("Size then"),
      l10n.t("{0}, {1} memory, {2} disk", cpusText(cpus), sizeText(memoryBytes), sizeText(diskBytes)),
    ],
    [l10n.t("Grew by"), sizeText(sizeBytes)],
    ...(before === undefined ? [] : [[l10n.t("Automatic"), l10n.t("stays until ten newer ones are there")]]),
  ];
  return [
    `**${escapeMarkdown(name)}**${current ? ` — ${l10n.t("the instance stands on it")}` : ""}`,
    ...(comment === "" ? [] : ["", escapeMarkdown(comment)]),
    "",
    "| | |",
    "|:--|:--|",
    ...rows.map(([title, value]) => `| ${title}\u2003 | ${escapeMarkdown(value ?? "")} |`),
  ].join("\n");
}

/** What removing this one means to the others. */
export function removalText({ children, parent, current }: Snapshot): string {
  const where = parent ?? l10n.t("nothing");
  const heirs =
    children.length === 0
      ? []
      : [l10n.t("{0} will stand on {1} instead; nothing in it changes.", listText(children), where)];
  const stays = current ? [l10n.t("The instance keeps what its disk holds now.")] : [];
  return [...heirs, ...stays, l10n.t("What only this snapshot holds is gone for good.")].join(" ");
}

function oneLine(text: string): string {
  const line = plainText(text).replace(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
