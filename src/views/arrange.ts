/** The commands that arrange the tree of instances: filter, and group by. */
import * as vscode from "vscode";
import { deferred } from "../base/async.ts";
import { DisposableStore } from "../base/disposable.ts";
import { type GroupBy, labelKeys } from "./instance-rows.ts";
import type { Services } from "./services.ts";

/** The tree follows what is typed; Escape puts back what was there before. */
export async function filter({ arrangement }: Services): Promise<void> {
  const before = arrangement.filter;
  const store = new DisposableStore();
  const input = store.add(vscode.window.createInputBox());
  input.title = vscode.l10n.t("Filter Instances");
  input.prompt = vscode.l10n.t("Words of the name, state, image, address, zone or labels. Empty shows all.");
  input.value = before;
  const closed = deferred<void>();
  let accepted = false;
  store.add(input.onDidChangeValue((text) => (arrangement.filter = text)));
  store.add(
    input.onDidAccept(() => {
      accepted = true;
      input.hide();
    }),
  );
  store.add(input.onDidHide(() => closed.resolve()));
  input.show();
  await closed.promise;
  store.dispose();
  if (!accepted) arrangement.filter = before;
}

export async function clearFilter({ arrangement }: Services): Promise<void> {
  arrangement.filter = "";
}

type Pick = vscode.QuickPickItem & { by?: GroupBy };

/** Remembered in the user's settings. */
export async function groupBy({ arrangement, model }: Services): Promise<void> {
  const labels = labelKeys(model.alive()).map((key): Pick => ({ by: `label:${key}`, label: key }));
  const picks: Pick[] = [
    { by: "none", label: vscode.l10n.t("Nothing"), description: vscode.l10n.t("one list") },
    { by: "state", label: vscode.l10n.t("State") },
    { by: "kind", label: vscode.l10n.t("Kind"), description: vscode.l10n.t("virtual machines, containers") },
    { by: "engine", label: vscode.l10n.t("Engine") },
    { by: "zone", label: vscode.l10n.t("Availability Zone") },
    ...(labels.length > 0
      ? [{ label: vscode.l10n.t("Labels"), kind: vscode.QuickPickItemKind.Separator }, ...labels]
      : []),
  ];
  for (const pick of picks)
    if (pick.by === arrangement.groupBy) pick.iconPath = new vscode.ThemeIcon("check");
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Group Instances"),
    placeHolder: vscode.l10n.t("Group instances by what?"),
  });
  if (!picked?.by) return;
  arrangement.groupBy = picked.by;
  await vscode.workspace
    .getConfiguration("berth")
    .update("instances.groupBy", picked.by, vscode.ConfigurationTarget.Global);
}
