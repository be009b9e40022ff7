/** The views' one boundary for errors: what went wrong, what to do, with buttons that do it. */
import * as vscode from "vscode";
import { toEngineError } from "../base/errors.ts";
import { presentError, type Remedy } from "./error-text.ts";

export type Situation = {
  log: vscode.LogOutputChannel;
  /** Does the same again. */
  retry?: (() => void) | undefined;
  /** Name of the instance that it was about. */
  instance?: string | undefined;
};

const LABELS: Readonly<Record<Remedy, string>> = {
  retry: vscode.l10n.t("Retry"),
  "show-log": vscode.l10n.t("Show Log"),
  "open-console": vscode.l10n.t("Open Serial Console"),
  "show-engine-log": vscode.l10n.t("Show Engine Log"),
  "start-cold": vscode.l10n.t("Boot Without Its Memory"),
  "install-qemu": vscode.l10n.t("Install QEMU"),
  "unlock-keys": vscode.l10n.t("Unlock Encryption Key"),
};

/** Tells the user and does what they choose. Never rejects; nobody needs to wait for it. */
export async function showError(thrown: unknown, situation: Situation): Promise<void> {
  const error = toEngineError(thrown);
  const { retry, instance } = situation;
  const shown = presentError(error, { canRetry: retry !== undefined, instance });
  if (!shown) {
    situation.log.info(error.message);
    return;
  }
  situation.log.error(error);
  const labels = shown.remedies.map((remedy) => LABELS[remedy]);
  const chosen = await SHOW[shown.severity](shown.text, ...labels);
  const remedy = shown.remedies.find((one) => LABELS[one] === chosen);
  if (remedy) await apply(remedy, situation);
}

const SHOW = {
  info: (text: string, ...labels: string[]) => vscode.window.showInformationMessage(text, ...labels),
  warning: (text: string, ...labels: string[]) => vscode.window.showWarningMessage(text, ...labels),
  error: (text: string, ...labels: string[]) => vscode.window.showErrorMessage(text, ...labels),
};

async function apply(remedy: Remedy, { retry, instance }: Situation): Promise<void> {
  const run = vscode.commands.executeCommand;
  switch (remedy) {
    case "retry":
      retry?.();
      return;
    case "start-cold":
      await run("berth.startCold", instance);
      return;
    case "show-log":
      await run("berth.showLog", instance);
      return;
    case "open-console":
      await run("berth.openConsole", instance);
      return;
    case "show-engine-log":
      await run("berth.showEngineLog");
      return;
    case "unlock-keys":
      await run("berth.unlockKeys");
      return;
    case "install-qemu":
      await run("berth.installQemu");
  }
}
