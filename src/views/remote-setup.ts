/** The user's consent to Berth's line in their SSH configuration: asked for once, with what changes. */
import { homedir } from "node:os";
import * as vscode from "vscode";
import { currentPaths } from "../base/paths.ts";
import { install, planSetup, remove, type SetupOptions, type SetupPlan } from "../client/remote/setup.ts";
import { userConfigFile } from "../client/remote/user-file.ts";
import { confirm } from "./prompts.ts";
import type { Services } from "./services.ts";
import { SSH_CONFIG_SCHEME } from "./ssh-config-documents.ts";

/** Longer than any answer of ssh takes. */
const SETUP_MS = 60_000;

/** Resolves with whether instances are hosts for ssh now. */
export async function ensureSshSetup(services: Services): Promise<boolean> {
  const options = optionsOf(services);
  const plan = await planSetup(options);
  if (plan.changes && !plan.inline && !(await agrees(services, options.userConfig, plan))) return false;
  const how = await install(options, plan);
  services.log.info(`SSH hosts of instances are in ${options.userConfig} (${how})`);
  return true;
}

export async function addSshConfig(services: Services): Promise<void> {
  await services.mirror.client(); // The engine writes the hosts.
  if (!(await ensureSshSetup(services))) return;
  const file = shortened(optionsOf(services).userConfig);
  void vscode.window.showInformationMessage(
    vscode.l10n.t("{0} includes Berth's hosts: try ssh NAME.berth in a terminal.", file),
  );
}

export async function removeSshConfig(services: Services): Promise<void> {
  const options = optionsOf(services);
  const file = shortened(options.userConfig);
  const agreed = await confirm(
    vscode.l10n.t("Take Berth's hosts out of {0}?", file),
    vscode.l10n.t("Remove"),
    vscode.l10n.t(
      "The file becomes what it was without them. Folders inside instances cannot be opened until they are back.",
    ),
  );
  if (!agreed) return;
  const removed = await remove(options);
  void vscode.window.showInformationMessage(
    removed
      ? vscode.l10n.t("Berth's hosts are no longer in {0}.", file)
      : vscode.l10n.t("Berth's hosts are not in {0}.", file),
  );
}

function optionsOf({ cli, platform }: Services): SetupOptions {
  const settings = vscode.workspace.getConfiguration("remote.SSH");
  const configured = settings.get<string>("configFile");
  return {
    files: currentPaths().ssh,
    userConfig: userConfigFile(homedir(), platform, configured),
    shim: { execPath: process.execPath, cli, env: process.env },
    platform,
    signal: AbortSignal.timeout(SETUP_MS),
    ssh: settings.get<string>("path") || undefined,
  };
}

/** A modal question, for it must not hide by itself; what changes is at the top of the diff, above it. */
async function agrees({ sshDiff }: Services, file: string, plan: SetupPlan): Promise<boolean> {
  const { before, after } = sshDiff.show(plan);
  const name = shortened(file);
  const title = vscode.l10n.t("{0}: Berth's hosts", name);
  await vscode.commands.executeCommand("vscode.diff", before, after, title, { preview: true });
  const yes = vscode.l10n.t("Add");
  try {
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t("Add Berth's hosts to {0}?", name),
      {
        modal: true,
        detail: vscode.l10n.t(
          "The editor shows what changes: one Include at the top. ssh, scp and Remote-SSH then reach instances as NAME.berth. A copy of the file is kept; Berth: Remove SSH Configuration takes it out again.",
        ),
      },
      yes,
    );
    return answer === yes;
  } finally {
    await closeDiff();
  }
}

async function closeDiff(): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  const ours = tabs.filter(
    ({ input }) => input instanceof vscode.TabInputTextDiff && input.modified.scheme === SSH_CONFIG_SCHEME,
  );
  if (ours.length > 0) await vscode.window.tabGroups.close(ours);
}

/** `~/.ssh/config`, as people call it. */
function shortened(file: string): string {
  const home = homedir();
  return file.startsWith(home) ? `~${file.slice(home.length).replaceAll("\\", "/")}` : file;
}
