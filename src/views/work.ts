/** Asks the engine to do something to instances and follows it: one progress and one message, however many there are. */
import * as vscode from "vscode";
import type { Instance, InstanceState } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { type EngineError, toEngineError } from "../base/errors.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { failuresText } from "./error-text.ts";
import { showError } from "./errors.ts";
import { toSignal, withViewProgress } from "./progress.ts";
import type { Services } from "./services.ts";

export type Verb = {
  /** Above the progress of several: `Starting 3 instances`. */
  title: (count: number) => string;
  request: (api: EngineApi, name: string) => Promise<Operation>;
  /** What the row shows until the engine's own event. */
  expected?: InstanceState | undefined;
};

type Failure = { instance: Instance; error: EngineError };

/** How many are asked for at once; the others wait for their turn. */
const AT_ONCE = 8;

/** Resolves with whether all went well; what did not has been told by then. */
export async function runOn(
  services: Services,
  verb: Verb,
  instances: readonly Instance[],
): Promise<boolean> {
  const [only] = instances;
  if (!only) return false;
  const failures = await (instances.length === 1
    ? withViewProgress(() => runAll(services, verb, instances))
    : withBulkProgress(services, verb, instances));
  tell(services, verb, failures, instances.length);
  return failures.length === 0;
}

function withBulkProgress(
  services: Services,
  verb: Verb,
  instances: readonly Instance[],
): Promise<Failure[]> {
  const title = verb.title(instances.length);
  const location = vscode.ProgressLocation.Notification;
  const work = vscode.window.withProgress({ location, title, cancellable: true }, async (progress, token) => {
    const { signal, dispose } = toSignal(token);
    let done = 0;
    const advance = () => {
      done += 1;
      const message = vscode.l10n.t("{0} of {1}", done, instances.length);
      progress.report({ message, increment: 100 / instances.length });
    };
    try {
      return await runAll(services, verb, instances, { signal, advance });
    } finally {
      dispose();
    }
  });
  return Promise.resolve(work);
}

type Bulk = { signal: AbortSignal; advance: () => void };

async function runAll(
  services: Services,
  verb: Verb,
  instances: readonly Instance[],
  bulk?: Bulk,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const waiting = [...instances];
  const worker = async () => {
    for (let instance = waiting.shift(); instance; instance = waiting.shift()) {
      if (bulk?.signal.aborted) return;
      const failure = await runOne(services, verb, instance, bulk?.signal);
      if (failure) failures.push(failure);
      bulk?.advance();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

async function runOne(
  services: Services,
  verb: Verb,
  instance: Instance,
  signal?: AbortSignal,
): Promise<Failure | undefined> {
  const shown = verb.expected && services.model.expect(instance.id, verb.expected);
  try {
    const client = await services.mirror.client();
    const operation = await verb.request(client.api, instance.name);
    const ended = await client.watchOperation(operation, signal ? { signal } : {});
    for (const warning of ended.warnings) services.log.warn(`${instance.name}: ${warning}`);
    return undefined;
  } catch (error) {
    return { instance, error: toEngineError(error) };
  } finally {
    shown?.dispose();
  }
}

/** What the user cancelled is no news; several failures make one message. */
function tell(services: Services, verb: Verb, all: readonly Failure[], count: number): void {
  const failures = all.filter(({ error }) => error.code !== "cancelled");
  const [first] = failures;
  if (!first) return;
  const again = failures.map(({ instance }) => instance);
  const retry = () => void runOn(services, verb, again);
  if (failures.length === 1) {
    void showError(first.error, { log: services.log, retry, instance: first.instance.name });
    return;
  }
  for (const { error } of failures) services.log.error(error);
  void tellSeveral(services, failuresText(failures, count), retry);
}

async function tellSeveral({ log }: Services, text: string, retry: () => void): Promise<void> {
  const again = vscode.l10n.t("Retry");
  const details = vscode.l10n.t("Show Details");
  const chosen = await vscode.window.showErrorMessage(text, again, details);
  if (chosen === again) retry();
  else if (chosen === details) log.show();
}
