/** A picture of a screen, saved where its user says. */
import { homedir } from "node:os";
import * as vscode from "vscode";
import { say } from "../actions.ts";
import { screenshotName } from "./screenshot-name.ts";

export async function saveScreenshot(instance: string, png: Uint8Array): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const file = await vscode.window.showSaveDialog({
    title: vscode.l10n.t("Save a Screenshot of {0}", instance),
    defaultUri: vscode.Uri.joinPath(folder, screenshotName(instance, new Date())),
    filters: { [vscode.l10n.t("Pictures")]: ["png"] },
  });
  if (!file) return;
  await vscode.workspace.fs.writeFile(file, png);
  say(vscode.l10n.t("Screenshot saved."));
}
