/** The commands about other engines: bringing an instance to one, and saying what becomes of the source then. */
import path from "node:path";
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import { messageOf } from "../base/errors.ts";
import { type Destination, leftAlone, type Worker } from "../client/move/destination.ts";
import { confirmMove, copyInstance, markOf, moveInstance, undoMove } from "../client/move/move.ts";
import { type MovePlan, refusePlan } from "../client/move/plan.ts";
import { reachDestination } from "../client/move/reach.ts";
import { parseTarget, type Target } from "../client/move/target.ts";
import { type Args, say, targets } from "./actions.ts";
import { type Report, withCancellableProgress } from "./progress.ts";
import { confirm } from "./prompts.ts";
import type { Services } from "./services.ts";

type Verb = "move" | "copy";
type Both = { source: Worker; destination: Destination; instance: Instance };

export async function moveAway(services: Services, args: Args): Promise<void> {
  const brought = await bring(services, "move", args);
  if (!brought) return;
  const { name, to, told } = brought;
  const yes = vscode.l10n.t("Confirm Move");
  const no = vscode.l10n.t("Take Move Back");
  const text = vscode.l10n.t("{0} is at {1} now. Here it is kept until you confirm that.", name, to);
  const chosen = await vscode.window.showInformationMessage([text, told].filter(Boolean).join(" "), yes, no);
  if (chosen === yes) await confirmMoved(services, [name]);
  if (chosen === no) await takeBack(services, [name]);
}

export async function copyAway(services: Services, args: Args): Promise<void> {
  const brought = await bring(services, "copy", args);
  if (!brought) return;
  const { name, to, told } = brought;
  if (told === undefined) say(vscode.l10n.t("{0} is copied to {1}.", name, to));
  else void vscode.window.showInformationMessage(told);
}

/** Undefined when the user gave up. */
async function bring(
  services: Services,
  verb: Verb,
  args: Args,
): Promise<{ name: string; to: string; told: string | undefined } | undefined> {
  const [chosen] = await targets(services, "moveAway", args);
  if (!chosen) return undefined;
  const { name } = chosen;
  const title = verb === "move" ? vscode.l10n.t("Move {0}", name) : vscode.l10n.t("Copy {0}", name);
  const target = await askTarget(title);
  const as = target && (await askName(title, name));
  if (!target || as === undefined) return undefined;
  return withCancellableProgress(title, (signal, report) =>
    between(services, name, { target, signal, report }, async ({ source, destination, instance }) => {
      const plan = await destination.plan(instance, as, verb);
      refusePlan(plan, verb, name);
      const yes = verb === "move" ? vscode.l10n.t("Move") : vscode.l10n.t("Copy");
      if (!(await confirm(`${title} → ${target.text}?`, yes, planText(plan)))) return undefined;
      const told =
        verb === "move"
          ? (await moveInstance(source, destination, instance, { to: target.text, as })).told
          : await copyInstance(source, destination, name, as);
      return { name, to: target.text, told };
    }),
  );
}

/** From now on it is there alone. */
export async function confirmMoved(services: Services, args: Args): Promise<void> {
  const [chosen] = await targets(services, "settleMove", args);
  if (!chosen) return;
  const { to, as } = markOf(chosen, "confirm the move of");
  const title = vscode.l10n.t("Confirming the move of {0}", chosen.name);
  await withCancellableProgress(title, (signal, report) =>
    between(services, chosen.name, { target: parseTarget(to, "/"), signal, report }, (both) =>
      confirmMove(both.source, both.destination, both.instance),
    ),
  );
  say(vscode.l10n.t("{0} is at {1}. Here it is in the trash.", as, to));
}

/** As if it had never been moved. */
export async function takeBack(services: Services, args: Args): Promise<void> {
  const [chosen] = await targets(services, "settleMove", args);
  if (!chosen) return;
  const { name } = chosen;
  const { to, as, step } = markOf(chosen, "take back the move of");
  const lost = vscode.l10n.t("What {0} has done at {1} since will not be here.", as, to);
  const question = vscode.l10n.t("Take the move of {0} back?", name);
  if (step === "moved" && !(await confirm(question, vscode.l10n.t("Take Back"), lost))) return;
  const title = vscode.l10n.t("Taking the move of {0} back", name);
  const undo = ({ source, destination, instance }: Both) => undoMove(source, destination, instance);
  await withCancellableProgress(title, async (signal, report) => {
    const how = { target: parseTarget(to, "/"), signal, report, lost: () => isGone(to) };
    await between(services, name, how, undo);
  });
  say(vscode.l10n.t("{0} is here again.", name));
}

type How = {
  target: Target;
  signal: AbortSignal;
  report: Report;
  /** Asked where the other engine cannot be reached: whether to leave alone what is there. */
  lost?: () => Promise<boolean>;
};

/** Both engines at hand. What is called off is taken back, so the connections outlive that. */
async function between<T>(
  services: Services,
  name: string,
  { target, signal, report, lost }: How,
  work: (both: Both) => Promise<T>,
): Promise<T> {
  const client = await services.mirror.client();
  const instance = await client.api.instances.get({ name });
  const source = { client, signal, show: report };
  const engine = path.join(path.dirname(services.cli), "engine.js");
  const reached = await reachDestination(source, target, engine).catch(async (error: unknown) => {
    services.log.warn(messageOf(error));
    if (!lost || signal.aborted || !(await lost())) throw error;
    return { destination: leftAlone(target.text), close: async () => {} };
  });
  return work({ source, destination: reached.destination, instance }).finally(reached.close);
}

async function isGone(to: string): Promise<boolean> {
  return confirm(
    vscode.l10n.t("{0} cannot be reached.", to),
    vscode.l10n.t("Take Back Without It"),
    vscode.l10n.t("What has become of the instance there is left as it is: it may run there and here."),
  );
}

async function askTarget(title: string): Promise<Target | undefined> {
  const home = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "/";
  const problemOf = (text: string): string | undefined => {
    try {
      return void parseTarget(text.trim(), home);
    } catch {
      return vscode.l10n.t("It names no engine.");
    }
  };
  const text = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t(
      "Where to? The data folder of another engine (BERTH_HOME), ssh:me@host, or repository:NAME",
    ),
    ignoreFocusOut: true,
    validateInput: problemOf,
  });
  return text === undefined ? undefined : parseTarget(text.trim(), home);
}

async function askName(title: string, name: string): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    ...{ title, prompt: vscode.l10n.t("What is it called there?"), value: name, ignoreFocusOut: true },
    validateInput: (given) => (NAME_PATTERN.test(given.trim()) ? undefined : NAME_RULE),
  });
  return text?.trim();
}

function planText({ rows, problems }: MovePlan): string {
  const warnings = problems.map(({ message }) => `⚠ ${message}`);
  return [...rows.map(({ what, becomes }) => `${what}: ${becomes}`), ...warnings].join("\n");
}
