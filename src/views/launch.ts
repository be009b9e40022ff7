/** Launching: with the wizard, or the instance `primary` in one step. */
import * as vscode from "vscode";
import type { Instance, LaunchSpec, Problem } from "../api/instance.ts";
import { readUserSettings } from "../client/user-settings.ts";
import { showError } from "./errors.ts";
import { recover, start } from "./power.ts";
import { problemText } from "./problems.ts";
import { withCancellableProgress } from "./progress.ts";
import type { Services } from "./services.ts";
import { openTerminal } from "./terminals.ts";
import { specOf } from "./wizard.ts";
import { type Chosen, runWizard } from "./wizard-view.ts";

/** With an image, the questions begin after it. */
export async function launchWithWizard(services: Services, chosen?: Chosen): Promise<void> {
  const client = await services.mirror.client();
  const draft = await runWizard(client, services.model, chosen);
  if (draft) await checkAndLaunch(services, specOf(draft));
}

/**
 * Launches the primary instance with the defaults; where it exists already, brings it up and opens its shell. Where the
 * user wants none, the wizard asks for a name.
 */
export async function launchPrimary(services: Services): Promise<void> {
  await services.mirror.client();
  const name = (await readUserSettings())["client.primary-name"];
  if (name === "") return launchWithWizard(services);
  const present = services.model.byName(name);
  if (!present) return checkAndLaunch(services, { name });
  await enterPrimary(services, present);
}

async function enterPrimary(services: Services, primary: Instance): Promise<void> {
  if (primary.state === "deleted") {
    const yes = vscode.l10n.t("Recover");
    const text = vscode.l10n.t("{0} is in the trash.", primary.name);
    if ((await vscode.window.showInformationMessage(text, yes)) !== yes) return;
    await recover(services, [primary.name]);
  }
  if (primary.state === "failed" || primary.state === "unknown") return start(services, [primary.name]);
  openTerminal(services, primary.name);
}

async function checkAndLaunch(services: Services, spec: LaunchSpec): Promise<void> {
  const client = await services.mirror.client();
  const { items } = await client.api.instances.check(spec);
  if (!(await mayGoOn(spec, items))) return;
  const retry = () => void launchNow(services, spec, retry);
  await launchNow(services, spec, retry);
}

/** Asks about warnings, with the numbers. What forbids the launch is left to the engine, which says it best. */
async function mayGoOn(spec: LaunchSpec, problems: readonly Problem[]): Promise<boolean> {
  if (problems.some(({ severity }) => severity === "error")) return true;
  const target = spec.name ?? vscode.l10n.t("the instance");
  const warnings = problems.filter(({ severity }) => severity === "warning");
  if (warnings.length === 0) return true;
  const yes = vscode.l10n.t("Launch Anyway");
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t("Launch {0}?", target),
    { modal: true, detail: warnings.map(problemText).join("\n") },
    yes,
  );
  return answer === yes;
}

/** Returns when the launch has begun to be followed; its end is told by a message of its own. */
async function launchNow(services: Services, spec: LaunchSpec, retry: () => void): Promise<void> {
  let name = spec.name;
  try {
    const client = await services.mirror.client();
    const operation = await client.api.instances.launch(spec);
    name = operation.target;
    const ended = await withCancellableProgress(vscode.l10n.t("Launching {0}", name), (signal, report) =>
      client.watchOperation(operation, { signal, onProgress: report }),
    );
    for (const warning of ended.warnings) services.log.warn(`${name}: ${warning}`);
    await told(services, name, ended.warnings);
  } catch (error) {
    const instance = name !== undefined && services.model.byName(name) ? name : undefined;
    void showError(error, { log: services.log, retry: instance === undefined ? retry : undefined, instance });
  }
}

async function told(services: Services, name: string, warnings: readonly string[]): Promise<void> {
  if (vscode.workspace.getConfiguration("berth").get<boolean>("openShellAfterLaunch", false)) {
    openTerminal(services, name);
    return;
  }
  const { address, container } = services.model.byName(name) ?? {};
  const shell = container ? vscode.l10n.t("Attach Shell") : vscode.l10n.t("Open Shell");
  const text = address
    ? vscode.l10n.t("{0} is running at {1}.", name, address)
    : vscode.l10n.t("{0} is running.", name);
  const chosen =
    warnings.length === 0
      ? await vscode.window.showInformationMessage(text, shell)
      : await vscode.window.showWarningMessage([text, ...warnings].join(" "), shell);
  if (chosen === shell) openTerminal(services, name);
}
