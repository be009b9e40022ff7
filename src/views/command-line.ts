/** The command `berth` where this window's terminals, and ssh, find it. */
import path from "node:path";
import * as vscode from "vscode";
import { exists } from "../base/durable.ts";
import { currentPaths, hostPlatform } from "../base/paths.ts";
import { writeShims } from "../client/shim.ts";

/** The command `berth` in integrated terminals, run by the editor's own Node. */
export async function putOnPath(context: vscode.ExtensionContext, cli: string): Promise<void> {
  const { environmentVariableCollection: environment, globalStorageUri } = context;
  if (!vscode.workspace.getConfiguration("berth").get<boolean>("addToTerminalPath", true)) {
    return environment.clear();
  }
  const directory = path.join(globalStorageUri.fsPath, "bin");
  await writeShims(directory, { execPath: process.execPath, cli });
  environment.description = vscode.l10n.t("Adds the command `berth` to the PATH");
  environment.prepend("PATH", directory + path.delimiter, {
    applyAtProcessCreation: true,
    applyAtShellIntegration: true,
  });
}

/** Where the user has agreed to it: what ssh runs is this Berth, wherever updates have put it. */
export async function keepSshSetup(cli: string): Promise<void> {
  const files = currentPaths().ssh;
  if (!(await exists(files.config))) return;
  const { refresh } = await import("../client/remote/setup.ts");
  const shim = { execPath: process.execPath, cli, env: process.env };
  await refresh({ files, shim, platform: hostPlatform() });
}
