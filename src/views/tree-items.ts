/** Rows of the tree *Instances* as vscode draws them. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Group } from "./instance-rows.ts";
import { type Icon, type ItemData, instanceItem, type Mark } from "./items.ts";
import { snapshotItem, snapshotTooltip } from "./snapshot-tree.ts";

const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
const SCHEME = "berth-instance";

export function themeIcon({ id, color }: Icon): vscode.ThemeIcon {
  return new vscode.ThemeIcon(id, color === undefined ? undefined : new vscode.ThemeColor(color));
}

export function dataRow(data: ItemData, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const item = new vscode.TreeItem(data.label, state);
  item.id = data.id;
  item.description = data.description;
  item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.accessibilityInformation = { label: data.ariaLabel };
  return item;
}

export function instanceRow(instance: Instance, operation: Operation | undefined): vscode.TreeItem {
  const data = instanceItem(instance, operation);
  const unfolds = instance.snapshotCount > 0 && instance.state !== "deleted";
  const item = dataRow(data, unfolds ? Collapsed : None);
  if (data.mark) item.resourceUri = markUri(data.id, data.mark);
  return item;
}

export function snapshotRow(snapshot: Snapshot, instance: Instance | undefined): vscode.TreeItem {
  const data = snapshotItem(snapshot, instance, new Date());
  const item = new vscode.TreeItem(data.label, data.hasChildren ? Expanded : None);
  item.id = data.id;
  item.description = data.description;
  item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.tooltip = new vscode.MarkdownString(snapshotTooltip(snapshot), true);
  item.accessibilityInformation = { label: data.ariaLabel };
  return item;
}

export function groupRow(group: Group): vscode.TreeItem {
  const item = new vscode.TreeItem(group.label, Expanded);
  item.id = `group:${group.key}`;
  item.description = String(group.ids.length);
  item.contextValue = "group";
  const label =
    group.ids.length === 1
      ? vscode.l10n.t("{0}, 1 instance", group.label)
      : vscode.l10n.t("{0}, {1} instances", group.label, group.ids.length);
  item.accessibilityInformation = { label };
  return item;
}

/** Why there are no rows where some were expected. */
export function noteRow(id: string, text: string): vscode.TreeItem {
  const item = new vscode.TreeItem(text);
  item.id = `note:${id}`;
  item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.contextValue = "note";
  item.tooltip = text;
  return item;
}

export function trashRow(count: number): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t("Trash"), Collapsed);
  item.id = "trash";
  item.description = String(count);
  item.iconPath = new vscode.ThemeIcon("trash");
  item.contextValue = "trash+emptyTrash";
  item.tooltip = vscode.l10n.t("Deleted instances, with their disks. Recover them, or purge them for good.");
  item.accessibilityInformation = { label: vscode.l10n.t("Trash, {0} deleted", count) };
  return item;
}

export function remedyRow(remedy: "retry" | "show-engine-log"): vscode.TreeItem {
  const [label, icon, command] =
    remedy === "retry"
      ? [vscode.l10n.t("Retry"), "refresh", "berth.reconnect"]
      : [vscode.l10n.t("Show Engine Log"), "output", "berth.showEngineLog"];
  const item = new vscode.TreeItem(label);
  item.id = `remedy:${remedy}`;
  item.iconPath = new vscode.ThemeIcon(icon);
  item.contextValue = "remedy";
  item.command = { command, title: label };
  return item;
}

const MARKS: Readonly<Record<Mark, { badge?: string; color: string; tooltip: string }>> = {
  problem: {
    badge: "!",
    color: "list.warningForeground",
    tooltip: vscode.l10n.t("Something is not as it should be"),
  },
  failed: { badge: "!", color: "list.errorForeground", tooltip: vscode.l10n.t("Failed") },
  deleted: { color: "disabledForeground", tooltip: vscode.l10n.t("In the trash") },
  unforwarded: { color: "disabledForeground", tooltip: vscode.l10n.t("Not forwarded") },
};

export function markUri(id: string, mark: Mark): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${id}`, query: mark });
}

/** A mark is part of the row's address, so a decoration never has to be asked for again. */
export const decorations: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    if (uri.scheme !== SCHEME) return undefined;
    const { badge, color, tooltip } = MARKS[uri.query as Mark];
    return new vscode.FileDecoration(badge, tooltip, new vscode.ThemeColor(color));
  },
};
