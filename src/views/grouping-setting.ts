/** The setting that says what instances are grouped by. */
import * as vscode from "vscode";
import type { DisposableStore } from "../base/disposable.ts";
import { Arrangement } from "./arrangement.ts";
import { type GroupBy, isGroupBy } from "./instance-rows.ts";

const GROUP_BY = "berth.instances.groupBy";

/** An arrangement that follows the setting until `store` is disposed. */
export function arrangementAsSet(store: DisposableStore): Arrangement {
  const arrangement = store.add(new Arrangement(groupBySetting()));
  store.add(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(GROUP_BY)) arrangement.groupBy = groupBySetting();
    }),
  );
  return arrangement;
}

function groupBySetting(): GroupBy {
  const value = vscode.workspace.getConfiguration().get(GROUP_BY);
  return isGroupBy(value) ? value : "none";
}
