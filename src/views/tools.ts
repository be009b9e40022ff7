/** Commands around the engine: reaching it, its log, what it needs on this host, and the command line. */
import * as vscode from "vscode";
import { exists } from "../base/durable.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { currentPaths, hostArch } from "../base/paths.ts";
import { run, which } from "../base/run.ts";
import { installQemuCommand, packageManagers } from "./install-qemu.ts";
import { withViewProgress } from "./progress.ts";
import type { Services } from "./services.ts";

/** Connects anew where the engine is away, and looks again for drivers where it is there. */
export async function reconnect(services: Services): Promise<void> {
  await withViewProgress(() => probe(services));
}

async function probe({ mirror, model }: Services): Promise<void> {
  const client = await mirror.client();
  model.engine = await client.api.engine.probe();
}

export async function showEngineLog({ logs, log }: Services): Promise<void> {
  const file = currentPaths().log;
  if (await exists(file)) return logs.showEngine();
  log.show();
  throw new EngineError("not-found", `cannot open the engine's log: ${file} is not there yet`, {
    hint: "It is written when the engine first starts.",
  });
}

/** Runs the package manager where the user sees it and answers its questions; then looks for QEMU again. */
export async function installQemu(services: Services): Promise<void> {
  const { platform } = services;
  const found = await Promise.all(
    packageManagers(platform).map(async (name) => ((await which(name)) ? name : "")),
  );
  const managers = new Set(found.filter((name) => name !== ""));
  const command = installQemuCommand({
    platform,
    arch: hostArch(),
    managers,
    root: process.getuid?.() === 0,
  });
  if (command === undefined) {
    throw new EngineError(
      "not-supported",
      "cannot install QEMU: no package manager that Berth knows was found",
      {
        hint: "Install QEMU from https://www.qemu.org/download, then choose Reconnect.",
      },
    );
  }
  const terminal = vscode.window.createTerminal({
    name: vscode.l10n.t("Install QEMU"),
    iconPath: new vscode.ThemeIcon("cloud-download"),
  });
  terminal.show();
  terminal.sendText(command);
  await endOf(terminal);
  await probe(services);
}

/** When the command has ended, where the shell tells; else when the terminal is closed. */
function endOf(terminal: vscode.Terminal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const subscription of subscriptions) subscription.dispose();
      resolve();
    };
    const subscriptions = [
      vscode.window.onDidEndTerminalShellExecution((event) => event.terminal === terminal && done()),
      vscode.window.onDidCloseTerminal((closed) => closed === terminal && done()),
    ];
  });
}

/** Puts `berth` on the user's own PATH, by the CLI's own means. */
export async function installCli({ cli }: Services): Promise<void> {
  try {
    const { stdout } = await run([process.execPath, cli, "install"], { env: { ELECTRON_RUN_AS_NODE: "1" } });
    const said = stdout.trim().split("\n").at(-1) ?? "";
    void vscode.window.showInformationMessage(said || vscode.l10n.t("The command berth is installed."));
  } catch (error) {
    throw toEngineError(error, "install the command berth");
  }
}
