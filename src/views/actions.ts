/** What the commands do with instances that exist: entering them, looking at them. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import { sshCommand } from "../client/ssh-command.ts";
import type { Action } from "./items.ts";
import { sourceChoices } from "./logs.ts";
import { pickInstance } from "./prompts.ts";
import type { Services } from "./services.ts";
import { anyInstancesIn, foreignIn, instancesIn } from "./targets.ts";
import {
  openConsoleTerminal,
  openForeignLogsTerminal,
  openLogsTerminal,
  openMainProcessTerminal,
  openTerminal,
} from "./terminals.ts";

export type Args = readonly unknown[];

export async function cancel(services: Services, args: Args): Promise<void> {
  const client = await services.mirror.client();
  for (const instance of await targets(services, "cancel", args)) {
    if (instance.operation !== undefined) await client.api.operations.cancel({ id: instance.operation });
  }
}

export async function openShell(services: Services, args: Args): Promise<void> {
  for (const { name } of await targets(services, "shell", args)) openTerminal(services, name);
}

/** The same, as it is called of a container. */
export async function attachShell(services: Services, args: Args): Promise<void> {
  for (const { name } of await targets(services, "attach", args)) openTerminal(services, name);
}

export async function attachMain(services: Services, args: Args): Promise<void> {
  for (const { name } of await targets(services, "attachMain", args)) openMainProcessTerminal(services, name);
}

export async function openConsole(services: Services, args: Args): Promise<void> {
  for (const instance of await targets(services, "console", args)) openConsoleTerminal(services, instance);
}

export async function runCommand(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "exec", args);
  if (!instance) return;
  const command = await vscode.window.showInputBox({
    title: vscode.l10n.t("Run a command in {0}", instance.name),
    prompt: vscode.l10n.t("A command line for the guest's shell."),
    placeHolder: "uname -a",
  });
  if (command?.trim()) openTerminal(services, instance.name, command.trim());
}

export async function showLog(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "log", args);
  if (!instance) return;
  const choices = sourceChoices(instance);
  const [only] = choices;
  const source =
    choices.length === 1
      ? only
      : await vscode.window.showQuickPick(choices, {
          placeHolder: vscode.l10n.t("Which log of {0}?", instance.name),
          matchOnDetail: true,
        });
  if (source) await services.logs.show(instance.name, source.id);
}

/** What containers print, as it comes, whoever has made them. */
export async function viewLogs(services: Services, args: Args): Promise<void> {
  const others = foreignIn(args);
  for (const one of others) openForeignLogsTerminal(services, one);
  if (others.length > 0 && !anyInstancesIn(args, services.model, services.selection())) return;
  for (const { name } of await targets(services, "logs", args)) openLogsTerminal(services, name);
}

export async function showCloudInitLog(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "cloudInitLog", args);
  if (instance) await services.logs.show(instance.name, "cloud-init");
}

export async function copySshCommand(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "ssh", args);
  if (!instance) return;
  if (!instance.ssh) {
    throw new EngineError(
      "wrong-state",
      `cannot copy the SSH command of ${instance.name}: it is not running`,
      {
        hint: "Start it first.",
      },
    );
  }
  await copy(sshCommand(instance.ssh, services.platform), vscode.l10n.t("SSH command copied."));
}

export async function copyAddress(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "address", args);
  if (instance) await copy(instance.address, vscode.l10n.t("Address {0} copied.", instance.address));
}

export async function copy(text: string, said: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  say(said);
}

/** In the status bar, for what needs no answer. */
export function say(text: string): void {
  vscode.window.setStatusBarMessage(`$(check) ${text}`, 3000);
}

/** The instances that the command is about; asks when nothing names one. */
export async function targets(services: Services, action: Action, args: Args): Promise<Instance[]> {
  await services.mirror.client();
  const named = instancesIn(args, action, services.model, services.selection());
  if (named) return named;
  const picked = await pickInstance(services.model, action);
  return picked ? [picked] : [];
}
