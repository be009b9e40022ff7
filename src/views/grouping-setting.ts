/** The settings that say what instances are grouped by, and whether containers of others are beside them. */
import * as vscode from "vscode";
import type { DisposableStore } from "../base/disposable.ts";
import { Arrangement } from "./arrangement.ts";
import { type GroupBy, isGroupBy } from "./instance-rows.ts";

const GROUP_BY = "berth.instances.groupBy";

const OTHERS = "berth.instances.otherContainers";

/** An arrangement that follows the settings until `store` is disposed. */
export function arrangementAsSet(store: DisposableStore): Arrangement {
  const arrangement = store.add(new Arrangement(groupBySetting(), othersSetting()));
  store.add(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(GROUP_BY)) arrangement.groupBy = groupBySetting();
      if (event.affectsConfiguration(OTHERS)) arrangement.others = othersSetting();
    }),
  );
  return arrangement;
}

function groupBySetting(): GroupBy {
  const value = vscode.workspace.getConfiguration().get(GROUP_BY);
  return isGroupBy(value) ? value : "none";
}

function othersSetting(): boolean {
  return vscode.workspace.getConfiguration().get(OTHERS, true);
}
