/** Terminals into guests: opened by commands, and as a terminal profile. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { ConsoleTerminal } from "./console-terminal.ts";
import type { Model } from "./model.ts";
import { pickInstance } from "./prompts.ts";
import { GuestTerminal } from "./shell.ts";

type Deps = { mirror: EngineMirror; model: Model };

/** A login shell, or a command whose output and exit code stay readable after its end. */
export function openTerminal({ mirror }: Pick<Deps, "mirror">, instance: string, command?: string): void {
  vscode.window.createTerminal(terminalOptions({ mirror }, instance, command)).show();
}

function terminalOptions(
  { mirror }: Pick<Deps, "mirror">,
  instance: string,
  command?: string,
): vscode.ExtensionTerminalOptions {
  const title = command === undefined ? instance : `${instance}: ${shortened(command)}`;
  return {
    name: title,
    iconPath: new vscode.ThemeIcon(command === undefined ? "vm" : "play"),
    pty: new GuestTerminal({ instance, command, client: () => mirror.client() }),
  };
}

/** One for each instance: it comes back by itself, so a second one would only show the same. */
export function openConsoleTerminal({ mirror, model }: Deps, instance: Pick<Instance, "id" | "name">): void {
  const open = vscode.window.terminals.find(({ creationOptions, exitStatus }) => {
    const pty = "pty" in creationOptions ? creationOptions.pty : undefined;
    return exitStatus === undefined && pty instanceof ConsoleTerminal && pty.instance === instance.id;
  });
  const terminal =
    open ??
    vscode.window.createTerminal({
      name: vscode.l10n.t("Serial Console: {0}", instance.name),
      iconPath: new vscode.ThemeIcon("terminal-linux"),
      pty: new ConsoleTerminal({ instance, model, client: () => mirror.client() }),
    });
  terminal.show();
}

/** The profile *Berth* of the terminal's drop-down: asks which instance, where there is a choice. */
export function terminalProfile(deps: Deps): vscode.TerminalProfileProvider {
  return {
    async provideTerminalProfile() {
      await deps.mirror.client();
      const instance = await pickInstance(deps.model, "shell", { single: "take" });
      return instance && new vscode.TerminalProfile(terminalOptions(deps, instance.name));
    },
  };
}

function shortened(command: string): string {
  return command.length > 30 ? `${command.slice(0, 29)}…` : command;
}
