/** A backup's files in the Explorer, as a folder of the workspace. */
import * as vscode from "vscode";
import { type Args, say, targets } from "./actions.ts";
import { uriOfBackup } from "./backup-files.ts";
import { pickBackup } from "./backups.ts";
import { ageText } from "./phrases.ts";
import type { Services } from "./services.ts";

/** Of the row's instance; from the palette, of any, also of one that is no more. */
export async function browseBackup(services: Services, args: Args): Promise<void> {
  const instance = args.length === 0 ? undefined : (await targets(services, "backUp", args))[0];
  const { api } = await services.mirror.client();
  const { items, problems } = await api.backups.list(instance ? { instance: instance.id } : {});
  for (const { message } of problems) services.log.warn(message);
  if (items.length === 0) return say(vscode.l10n.t("There is no backup yet."));
  const backup = await pickBackup(items, vscode.l10n.t("See the files of which backup?"));
  if (!backup) return;
  const uri = uriOfBackup(backup);
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.some((folder) => folder.uri.toString() === uri.toString()))
    return vscode.commands.executeCommand("revealInExplorer", uri);
  // First, since a second folder restarts the extension host, and what comes after may never run.
  await vscode.commands.executeCommand("workbench.view.explorer");
  const name = vscode.l10n.t("{0}, {1}", backup.instance.name, ageText(backup.at, new Date()));
  vscode.workspace.updateWorkspaceFolders(folders.length, 0, { uri, name });
}
