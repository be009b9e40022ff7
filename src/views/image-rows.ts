/** Rows of the tree *Images* as vscode draws them. */
import * as vscode from "vscode";
import type { ImageGroup } from "./image-groups.ts";
import type { ImageItem } from "./image-items.ts";
import { themeIcon } from "./tree-items.ts";

const { None, Collapsed } = vscode.TreeItemCollapsibleState;

export function imageRow(data: ImageItem, state = None): vscode.TreeItem {
  const item = new vscode.TreeItem(data.label, state);
  item.id = data.id;
  item.description = data.description;
  if (data.icon) item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.accessibilityInformation = { label: data.ariaLabel };
  item.tooltip = new vscode.MarkdownString(data.tooltip, true);
  return item;
}

export function groupRow({ title, choices }: ImageGroup): vscode.TreeItem {
  const item = new vscode.TreeItem(title, Collapsed);
  item.id = `image-group:${title}`;
  item.description = String(choices.length);
  item.contextValue = "image-group";
  return item;
}

export function noteRow(id: string, text: string): vscode.TreeItem {
  const item = new vscode.TreeItem(text, None);
  item.id = `image-note:${id}`;
  item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.tooltip = text;
  return item;
}
