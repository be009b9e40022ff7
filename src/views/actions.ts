/** What the commands do with instances that exist. */
import * as vscode from "vscode";
import type { Instance, InstanceState } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { sshCommand } from "../client/ssh-command.ts";
import { showError } from "./errors.ts";
import type { Action } from "./items.ts";
import { sourceChoices } from "./logs.ts";
import { withViewProgress } from "./progress.ts";
import { confirmDelete, confirmForceStop, confirmPurge, pickInstance } from "./prompts.ts";
import type { Services } from "./services.ts";
import { instancesIn } from "./targets.ts";
import { openTerminal } from "./terminals.ts";

type Args = readonly unknown[];

/** One verb of the engine: what it calls, and what the row shows until the engine's own event. */
type Verb = {
  request: (api: EngineApi, name: string) => Promise<Operation>;
  expected?: InstanceState;
};

const VERBS = {
  start: { request: (api, name) => api.instances.start({ name }), expected: "starting" },
  stop: { request: (api, name) => api.instances.stop({ name }), expected: "stopping" },
  startCold: { request: (api, name) => api.instances.start({ name, cold: true }), expected: "starting" },
  forceStop: { request: (api, name) => api.instances.stop({ name, force: true }), expected: "stopping" },
  restart: { request: (api, name) => api.instances.restart({ name }), expected: "restarting" },
  delete: { request: (api, name) => api.instances.delete({ name }) },
  recover: { request: (api, name) => api.instances.recover({ name }) },
  purge: { request: (api, name) => api.instances.purge({ name }) },
} as const satisfies Partial<Record<Action | "startCold", Verb>>;

type VerbId = keyof typeof VERBS;

export async function start(services: Services, args: Args): Promise<void> {
  await runOn(services, "start", await targets(services, "start", args));
}

export async function stop(services: Services, args: Args): Promise<void> {
  await runOn(services, "stop", await targets(services, "stop", args));
}

export async function forceStop(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "forceStop", args);
  if (instances.length > 0 && (await confirmForceStop(instances)))
    await runOn(services, "forceStop", instances);
}

export async function restart(services: Services, args: Args): Promise<void> {
  await runOn(services, "restart", await targets(services, "restart", args));
}

export async function remove(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "delete", args);
  if (instances.length > 0 && (await confirmDelete(instances))) await runOn(services, "delete", instances);
}

export async function recover(services: Services, args: Args): Promise<void> {
  await runOn(services, "recover", await targets(services, "recover", args));
}

export async function purge(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "purge", args);
  if (instances.length > 0 && (await confirmPurge(instances))) await runOn(services, "purge", instances);
}

export async function emptyTrash(services: Services): Promise<void> {
  await services.mirror.client();
  const instances = services.model.trash();
  if (instances.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("The trash is empty."));
    return;
  }
  if (await confirmPurge(instances)) await runOn(services, "purge", instances);
}

export async function cancel(services: Services, args: Args): Promise<void> {
  const client = await services.mirror.client();
  for (const instance of await targets(services, "cancel", args)) {
    if (instance.operation !== undefined) await client.api.operations.cancel({ id: instance.operation });
  }
}

export async function openShell(services: Services, args: Args): Promise<void> {
  for (const { name } of await targets(services, "shell", args)) openTerminal(services, name);
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
  const source = await vscode.window.showQuickPick(sourceChoices(instance), {
    placeHolder: vscode.l10n.t("Which log of {0}?", instance.name),
    matchOnDetail: true,
  });
  if (source) await services.logs.show(instance.name, source.id);
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

async function copy(text: string, said: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(`$(check) ${said}`, 3000);
}

/** The instances that the command is about; asks when nothing names one. */
async function targets(services: Services, action: Action, args: Args): Promise<Instance[]> {
  await services.mirror.client();
  const named = instancesIn(args, action, services.model, services.selection());
  if (named) return named;
  const picked = await pickInstance(services.model, action);
  return picked ? [picked] : [];
}

/** All at once; each failure is shown on its own and can be retried on its own. */
async function runOn(services: Services, verb: VerbId, instances: readonly Instance[]): Promise<void> {
  if (instances.length === 0) return;
  await withViewProgress(() => Promise.all(instances.map((instance) => runOne(services, verb, instance))));
}

async function runOne(services: Services, verb: VerbId, instance: Instance): Promise<void> {
  const { request, expected }: Verb = VERBS[verb];
  const shown = expected && services.model.expect(instance.id, expected);
  try {
    const client = await services.mirror.client();
    const operation = await request(client.api, instance.name);
    const ended = await client.watchOperation(operation);
    for (const warning of ended.warnings) services.log.warn(`${instance.name}: ${warning}`);
  } catch (error) {
    const retry = () => void runOn(services, verb, [instance]);
    const startCold = () => void runOn(services, "startCold", [instance]);
    void showError(error, { log: services.log, retry, startCold, instance: instance.name });
  } finally {
    shown?.dispose();
  }
}
