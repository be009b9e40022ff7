/** Terminals into guests: opened by commands, and as a terminal profile. */
import * as vscode from "vscode";
import type { ForeignContainer } from "../api/foreign-container.ts";
import type { Instance } from "../api/instance.ts";
import { ConsoleTerminal } from "./console-terminal.ts";
import { MainProcessTerminal } from "./main-process-terminal.ts";
import { OutputTerminal, type OutputTerminalOptions } from "./output-terminal.ts";
import { buildOf, composeName, composeOf, foreignLogsOf, logsOf } from "./printed.ts";
import { pickInstance } from "./prompts.ts";
import type { Services } from "./services.ts";
import { GuestTerminal } from "./shell.ts";

type Deps = Pick<Services, "mirror" | "model" | "terminals">;

/** A login shell, or a command whose output and exit code stay readable after its end. */
export function openTerminal(deps: Deps, instance: string, command?: string): void {
  const options =
    command === undefined ? deps.terminals.options(instance) : commandOptions(deps, instance, command);
  vscode.window.createTerminal(options).show();
}

function commandOptions(
  { mirror }: Deps,
  instance: string,
  command: string,
): vscode.ExtensionTerminalOptions {
  return {
    name: `${instance}: ${shortened(command)}`,
    iconPath: new vscode.ThemeIcon("play"),
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
      iconPath: new vscode.ThemeIcon("circuit-board"),
      pty: new ConsoleTerminal({ instance, model, client: () => mirror.client() }),
    });
  terminal.show();
}

/** One for each instance: a second one would show the same, and whoever types would not know which is his. */
export function openMainProcessTerminal({ mirror }: Pick<Deps, "mirror">, instance: string): void {
  for (const terminal of vscode.window.terminals) {
    const { creationOptions, exitStatus } = terminal;
    const pty = "pty" in creationOptions ? creationOptions.pty : undefined;
    if (exitStatus !== undefined || !(pty instanceof MainProcessTerminal) || pty.instance !== instance)
      continue;
    pty.again();
    terminal.show();
    return;
  }
  const options = {
    name: vscode.l10n.t("Main Process: {0}", instance),
    iconPath: new vscode.ThemeIcon("debug-console"),
    pty: new MainProcessTerminal({ instance, client: () => mirror.client() }),
  };
  vscode.window.createTerminal(options).show();
}

/** What a container prints. */
export function openLogsTerminal({ mirror }: Pick<Deps, "mirror">, instance: string): void {
  const name = vscode.l10n.t("Logs: {0}", instance);
  openOutput(
    name,
    "list-selection",
    logsOf(instance, () => mirror.client()),
  );
}

/** The same of a container that others have made. */
export function openForeignLogsTerminal({ mirror }: Pick<Deps, "mirror">, container: ForeignContainer): void {
  const name = vscode.l10n.t("Logs: {0}", container.name);
  openOutput(
    name,
    "list-selection",
    foreignLogsOf(container, () => mirror.client()),
  );
}

/** What the build of an image prints. */
export function openBuildTerminal(
  { mirror }: Pick<Deps, "mirror">,
  request: Parameters<typeof buildOf>[0],
): void {
  const name = vscode.l10n.t("Build: {0}", request.tags.join(", "));
  openOutput(
    name,
    "tools",
    buildOf(request, () => mirror.client()),
  );
}

/** What compose prints; the tree shows afterwards what there is then. */
export function openComposeTerminal(
  { mirror, refreshCompose }: Pick<Services, "mirror" | "refreshCompose">,
  request: Parameters<typeof composeOf>[0],
): void {
  const name = vscode.l10n.t("Compose: {0}", composeName(request));
  openOutput(
    name,
    "layers",
    composeOf(request, () => mirror.client(), refreshCompose),
  );
}

/** One for each, since a second one would only show the same. */
function openOutput(name: string, icon: string, options: OutputTerminalOptions): void {
  for (const terminal of vscode.window.terminals) {
    const { creationOptions, exitStatus } = terminal;
    const pty = "pty" in creationOptions ? creationOptions.pty : undefined;
    if (exitStatus !== undefined || !(pty instanceof OutputTerminal) || pty.subject !== options.subject)
      continue;
    pty.again();
    terminal.show();
    return;
  }
  const iconPath = new vscode.ThemeIcon(icon);
  vscode.window.createTerminal({ name, iconPath, pty: new OutputTerminal(options) }).show();
}

/** The profile *Berth* of the terminal's drop-down: asks which instance, where there is a choice. */
export function terminalProfile({ mirror, model, terminals }: Deps): vscode.TerminalProfileProvider {
  return {
    async provideTerminalProfile() {
      await mirror.client();
      const instance = await pickInstance(model, "shell", { single: "take" });
      return instance && new vscode.TerminalProfile(terminals.options(instance.name));
    },
  };
}

function shortened(command: string): string {
  return command.length > 30 ? `${command.slice(0, 29)}…` : command;
}
