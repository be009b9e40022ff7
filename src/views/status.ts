/** The one status bar item: how many instances run, or what is being done. Hidden while nothing is known. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { descriptionOf, runningCount } from "./items.ts";
import type { Model } from "./model.ts";
import { operationText } from "./phrases.ts";
import { escapeMarkdown } from "./tooltip.ts";

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
  store.add(model.onDidChange(update));
  update();
  return store;
}

type Row = { instance: Instance; operation: Operation | undefined };

/** `$(vm) 2 running`, `$(loading~spin) web: downloading 43 %`; undefined where there is nothing to say. Pure. */
export function statusText(rows: readonly Row[]): string | undefined {
  if (rows.length === 0) return undefined;
  const busy = rows.filter(({ operation }) => operation !== undefined);
  const [first] = busy;
  if (first?.operation && busy.length === 1) {
    return `$(loading~spin) ${first.instance.name}: ${operationText(first.operation)}`;
  }
  if (busy.length > 1) return `$(loading~spin) ${busy.length} instances at work`;
  return `$(vm) ${runningCount(rows.map(({ instance }) => instance))} running`;
}

function statusTooltip(rows: readonly Row[]): string {
  const lines = rows.map(({ instance, operation }) => {
    const what =
      instance.state === "running" || operation ? descriptionOf(instance, operation) : instance.state;
    return `| ${escapeMarkdown(instance.name)}\u2003 | ${escapeMarkdown(what)} |`;
  });
  return ["**Berth**", "", "| | |", "|:--|:--|", ...lines].join("\n");
}
