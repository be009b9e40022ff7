/** What stands around the rows of the tree *Instances*: badge, message, and the keys on which welcome texts and menus depend. */
import * as vscode from "vscode";
import type { EngineMirror } from "../client/mirror.ts";
import type { Arrangement } from "./arrangement.ts";
import { setContexts } from "./context-keys.ts";
import { sentences } from "./error-text.ts";
import type { InstanceRows } from "./instance-rows.ts";
import { runningCount } from "./items.ts";
import type { Model } from "./model.ts";
import type { Outage } from "./outage.ts";
import { capitalised, operationText } from "./phrases.ts";
import { problemText } from "./problems.ts";

type Shown = {
  mirror: Pick<EngineMirror, "connection">;
  model: Model;
  arrangement: Arrangement;
  rows: InstanceRows;
  outage: Outage;
};

export function frame(tree: vscode.TreeView<unknown>, shown: Shown): void {
  const { mirror, model, arrangement, rows, outage } = shown;
  const { connection } = mirror;
  const all = model.all();
  const running = runningCount(all);
  tree.badge = running > 0 ? { value: running, tooltip: vscode.l10n.t("{0} running", running) } : undefined;
  const message = messageAbove(shown, all.length);
  if (tree.message !== message) tree.message = message;
  setContexts({
    "berth.connection": outage.error ? "unavailable" : connection.state,
    "berth.qemuMissing": model.vmDriverMissing,
    "berth.empty": connection.state === "connected" && all.length === 0,
    "berth.filtered": arrangement.filter !== "",
    "berth.trashEmpty": connection.state === "connected" && rows.trash.length === 0,
  });
}

function messageAbove({ model, arrangement, rows, outage }: Shown, count: number): string {
  if (outage.error) return sentences(outage.error);
  const [operation] = model.imageOperations();
  const [missing] = count > 0 ? model.vmDriverProblems : [];
  if (missing && !operation) return problemText(missing);
  const { filter } = arrangement;
  if (filter !== "" && count > 0) {
    const alive = count - rows.trash.length;
    return vscode.l10n.t("{0} of {1} match “{2}”", rows.shown, alive, filter);
  }
  return operation ? `${operation.target}: ${capitalised(operationText(operation))}` : "";
}
