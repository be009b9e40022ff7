/** A backup's files in the Explorer, as a folder of the workspace. */
import * as vscode from "vscode";
import type { Args } from "./actions.ts";
import { oneBackup } from "./backup-choice.ts";
import { uriOfBackup } from "./backup-files.ts";
import { ageText } from "./phrases.ts";
import type { Services } from "./services.ts";

export async function browseBackup(services: Services, args: Args): Promise<void> {
  const backup = await oneBackup(services, args, vscode.l10n.t("See the files of which backup?"));
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
