/** An instance's files in the Explorer, as a folder of the workspace. */
import { posix } from "node:path";
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { type Args, say } from "./actions.ts";
import { listText } from "./phrases.ts";
import { pickInstance } from "./prompts.ts";
import { makeRunning } from "./remote.ts";
import type { Services } from "./services.ts";
import { instancesIn } from "./targets.ts";

export async function browseFiles(services: Services, args: Args): Promise<void> {
  await services.mirror.client();
  const { model } = services;
  const [named] = instancesIn(args, "browse", model, services.selection()) ?? [];
  const instance = named ?? (await pickInstance(model, "browse", { single: "take" }));
  if (!instance) return;
  await makeRunning(services, instance.name);
  const uri = await services.files.homeOf(instance);
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.some((folder) => folder.uri.toString() === uri.toString()))
    return vscode.commands.executeCommand("revealInExplorer", uri);
  // First, since a second folder restarts the extension host, and what comes after may never run.
  await vscode.commands.executeCommand("workbench.view.explorer");
  vscode.workspace.updateWorkspaceFolders(folders.length, 0, { uri, name: instance.name });
}

/** Files of this instance or another into the home of its user. What is there of the same name is refused, not lost. */
export async function copyAcross(
  services: Services,
  instance: Instance,
  uris: readonly vscode.Uri[],
): Promise<void> {
  await makeRunning(services, instance.name);
  const home = await services.files.homeOf(instance);
  const names = uris.map(({ path }) => posix.basename(path));
  const title = vscode.l10n.t("Copying {0} to {1}", listText(names), instance.name);
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, async () => {
    for (const uri of uris) {
      const target = vscode.Uri.joinPath(home, posix.basename(uri.path));
      await vscode.workspace.fs.copy(uri, target, { overwrite: false });
    }
  });
  say(vscode.l10n.t("{0} copied to {1}.", listText(names), instance.name));
}
