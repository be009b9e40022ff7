/** The commands that start, stop and end instances, one or many at once. */
import * as vscode from "vscode";
import { parseDuration } from "../base/units.ts";
import { type Args, say, targets } from "./actions.ts";
import { showError } from "./errors.ts";
import { timeText } from "./phrases.ts";
import { confirmDelete, confirmForceStop, confirmPurge, confirmStartCold } from "./prompts.ts";
import type { Services } from "./services.ts";
import { runOn, type Verb } from "./work.ts";

const START: Verb = {
  title: (count) => vscode.l10n.t("Starting {0} instances", count),
  request: (api, name) => api.instances.start({ name }),
  expected: "starting",
};
const START_COLD: Verb = { ...START, request: (api, name) => api.instances.start({ name, cold: true }) };
const STOP: Verb = {
  title: (count) => vscode.l10n.t("Stopping {0} instances", count),
  request: (api, name) => api.instances.stop({ name }),
  expected: "stopping",
};
const FORCE_STOP: Verb = { ...STOP, request: (api, name) => api.instances.stop({ name, force: true }) };
const SUSPEND: Verb = {
  title: (count) => vscode.l10n.t("Suspending {0} instances", count),
  request: (api, name) => api.instances.suspend({ name }),
  expected: "suspending",
};
const PAUSE: Verb = {
  title: (count) => vscode.l10n.t("Pausing {0} containers", count),
  request: (api, name) => api.instances.pause({ name }),
};
const UNPAUSE: Verb = {
  title: (count) => vscode.l10n.t("Letting {0} containers go on", count),
  request: (api, name) => api.instances.unpause({ name }),
};
const RESTART: Verb = {
  title: (count) => vscode.l10n.t("Restarting {0} instances", count),
  request: (api, name) => api.instances.restart({ name }),
  expected: "restarting",
};
const CANCEL_STOP: Verb = {
  title: (count) => vscode.l10n.t("Cancelling {0} delayed stops", count),
  request: (api, name) => api.instances.cancelStop({ name }),
};
const DELETE: Verb = {
  title: (count) => vscode.l10n.t("Moving {0} instances to the trash", count),
  request: (api, name) => api.instances.delete({ name }),
};
const RECOVER: Verb = {
  title: (count) => vscode.l10n.t("Recovering {0} instances", count),
  request: (api, name) => api.instances.recover({ name }),
};
const PURGE: Verb = {
  title: (count) => vscode.l10n.t("Removing {0} instances", count),
  request: (api, name) => api.instances.purge({ name }),
};

export async function start(services: Services, args: Args): Promise<void> {
  await runOn(services, START, await targets(services, "start", args));
}

export async function startCold(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "startCold", args);
  if (instances.length > 0 && (await confirmStartCold(instances)))
    await runOn(services, START_COLD, instances);
}

export async function stop(services: Services, args: Args): Promise<void> {
  await runOn(services, STOP, await targets(services, "stop", args));
}

export async function forceStop(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "forceStop", args);
  if (instances.length > 0 && (await confirmForceStop(instances)))
    await runOn(services, FORCE_STOP, instances);
}

export async function suspend(services: Services, args: Args): Promise<void> {
  await runOn(services, SUSPEND, await targets(services, "suspend", args));
}

export async function pause(services: Services, args: Args): Promise<void> {
  await runOn(services, PAUSE, await targets(services, "pause", args));
}

export async function unpause(services: Services, args: Args): Promise<void> {
  await runOn(services, UNPAUSE, await targets(services, "unpause", args));
}

export async function restart(services: Services, args: Args): Promise<void> {
  await runOn(services, RESTART, await targets(services, "restart", args));
}

export async function remove(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "delete", args);
  if (instances.length > 0 && (await confirmDelete(instances))) await runOn(services, DELETE, instances);
}

export async function recover(services: Services, args: Args): Promise<void> {
  await runOn(services, RECOVER, await targets(services, "recover", args));
}

export async function purge(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "purge", args);
  if (instances.length > 0 && (await confirmPurge(instances))) await runOn(services, PURGE, instances);
}

export async function emptyTrash(services: Services): Promise<void> {
  await services.mirror.client();
  const instances = services.model.trash();
  if (instances.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("The trash is empty."));
    return;
  }
  if (await confirmPurge(instances)) await runOn(services, PURGE, instances);
}

/** Each operation lasts until its time has come, so it is not waited for: the rows tell when that is. */
export async function stopLater(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "stopLater", args);
  if (instances.length === 0) return;
  const delayMs = await askDelay();
  if (delayMs === undefined) return;
  const client = await services.mirror.client();
  let asked = 0;
  for (const { name } of instances) {
    try {
      await client.api.instances.stop({ name, delayMs });
      asked += 1;
    } catch (error) {
      void showError(error, { log: services.log, instance: name });
    }
  }
  const at = timeText(new Date(Date.now() + delayMs).toISOString());
  if (asked > 0) say(vscode.l10n.t("Stops at {0}.", at));
}

async function askDelay(): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Stop Later"),
    prompt: vscode.l10n.t("After how long? Who is logged in is told, and it can be cancelled."),
    value: "10m",
    validateInput: (typed) =>
      parseDuration(typed) === undefined
        ? vscode.l10n.t("Write a time such as 30s, 10m or 1h 30m.")
        : undefined,
  });
  return text === undefined ? undefined : parseDuration(text);
}

export async function cancelStop(services: Services, args: Args): Promise<void> {
  await runOn(services, CANCEL_STOP, await targets(services, "cancelStop", args));
}

/** One request per zone, whichever of its instances were chosen. */
export async function enableZone(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "enableZone", args);
  const client = await services.mirror.client();
  for (const name of new Set(instances.map(({ zone }) => zone.name))) {
    await client.watchOperation(await client.api.zones.enable({ name }));
    say(vscode.l10n.t("The zone {0} is available again.", name));
  }
}
