/** The one status bar item: how many instances run, or what is being done. Hidden while nothing is known. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { Coalescer } from "./coalesce.ts";
import type { Model } from "./model.ts";
import { statusText, statusTooltip } from "./status-text.ts";

const UPDATE_EVERY_MS = 300;

export function createStatus(model: Model): Disposable {
  const store = new DisposableStore();
  const item = store.add(vscode.window.createStatusBarItem("berth.status", vscode.StatusBarAlignment.Left));
  item.name = vscode.l10n.t("Berth Instances");
  item.command = "berth.instances.focus";
  const update = () => {
    const rows = model.alive().map((instance) => ({ instance, operation: model.operationOf(instance) }));
    const text = statusText(rows);
    if (text === undefined) return item.hide();
    item.text = text;
    item.tooltip = new vscode.MarkdownString(statusTooltip(rows), true);
    item.accessibilityInformation = { label: `Berth: ${text.replace(/\$\([^)]*\)\s*/g, "")}` };
    item.show();
  };
  const updates = store.add(new Coalescer(UPDATE_EVERY_MS, update));
  store.add(model.onDidChange((ids) => updates.add(ids)));
  update();
  return store;
}
