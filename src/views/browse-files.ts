/** An instance's files in the Explorer, as a folder of the workspace. */
import * as vscode from "vscode";
import type { Args } from "./actions.ts";
import { pickInstance } from "./prompts.ts";
import { makeRunning } from "./remote.ts";
import type { Services } from "./services.ts";
import { instancesIn } from "./targets.ts";

export async function browseFiles(services: Services, args: Args): Promise<void> {
  await services.mirror.client();
  const { model } = services;
  const [named] = instancesIn(args, "open", model, services.selection()) ?? [];
  const instance = named ?? (await pickInstance(model, "open", { single: "take" }));
  if (!instance) return;
  await makeRunning(services, instance.name);
  const uri = await services.files.homeOf(instance);
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (!folders.some((folder) => folder.uri.toString() === uri.toString()))
    vscode.workspace.updateWorkspaceFolders(folders.length, 0, { uri, name: instance.name });
  await vscode.commands.executeCommand("workbench.view.explorer");
}
