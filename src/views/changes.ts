/** The commands that change what an instance is: its name, sizes, disks, policies and labels; and clone it. */
import * as vscode from "vscode";
import type { AutostartPolicy, Instance } from "../api/instance.ts";
import { labelsFrom, labelsText } from "../api/labels.ts";
import { messageOf } from "../base/errors.ts";
import { type Args, targets } from "./actions.ts";
import { listText, sizeText } from "./phrases.ts";
import { BACK, inputStep } from "./quick-steps.ts";
import type { Services } from "./services.ts";
import * as choices from "./wizard-choices.ts";
import { runOn, type Verb } from "./work.ts";

export async function rename(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "rename", args);
  if (!instance) return;
  const to = await askName(services, {
    title: vscode.l10n.t("Rename {0}", instance.name),
    prompt: vscode.l10n.t("Its new name. The guest's host name follows."),
    value: instance.name,
  });
  if (to === undefined || to === instance.name) return;
  await runOn(services, { title: () => "", request: (api, name) => api.instances.rename({ name, to }) }, [
    instance,
  ]);
}

export async function clone(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "clone", args);
  if (!instance) return;
  const as = await askName(services, {
    title: vscode.l10n.t("Clone {0}", instance.name),
    prompt: vscode.l10n.t("What is the copy called? It has the same disk and no snapshots."),
    value: choices.suggestClone(instance.name, namesOf(services)),
  });
  if (as === undefined) return;
  await runOn(services, { title: () => "", request: (api, name) => api.instances.clone({ name, as }) }, [
    instance,
  ]);
}

/** The old key opens its disks no more. */
export async function rotateKey(services: Services, args: Args): Promise<void> {
  const title = (count: number) => vscode.l10n.t("Changing the keys of {0} instances", count);
  const request: Verb["request"] = (api, name) => api.keys.rotateInstance({ name });
  await runOn(services, { title, request }, await targets(services, "rotateKey", args));
}

/** Three questions, each with what it has now. */
export async function changeSize(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "sizes", args);
  if (!instance) return;
  const client = await services.mirror.client();
  const { host } = services.model.engine ?? (await client.api.engine.info());
  const change = await askSizes(instance, host);
  if (!change || Object.keys(change).length === 0) return;
  const request: Verb["request"] = (api, name) => api.instances.update({ name, ...change });
  await runOn(services, { title: () => "", request }, [instance]);
}

type Sizes = Pick<Instance, "cpus" | "memoryBytes" | "diskBytes">;

/** Only what differs; undefined when the user gave up. */
async function askSizes(now: Instance, host: choices.Host): Promise<Partial<Sizes> | undefined> {
  const questions: [keyof Sizes, string, string, (text: string) => choices.Typed][] = [
    [
      "cpus",
      vscode.l10n.t("How many CPUs? This host has {0}.", host.cpus),
      String(now.cpus),
      (text) => choices.typedCpus(text, host),
    ],
    [
      "memoryBytes",
      vscode.l10n.t("How much memory? This host has {0}.", sizeText(host.memoryBytes)),
      sizeText(now.memoryBytes),
      (text) => choices.typedMemory(text, host),
    ],
    [
      "diskBytes",
      vscode.l10n.t("How large a disk? It can only grow."),
      sizeText(now.diskBytes),
      (text) => choices.grownDisk(text, now.diskBytes, host),
    ],
  ];
  const title = vscode.l10n.t("Change the Size of {0}", now.name);
  const answers: Partial<Record<keyof Sizes, string>> = {};
  for (let at = 0; at < questions.length; ) {
    const question = questions[at];
    if (!question) break;
    const [key, prompt, value, read] = question;
    const reply = await inputStep(
      { title, step: at + 1, total: questions.length },
      { prompt, value: answers[key] ?? value, validate: (text) => problemIn(read(text)) },
    );
    if (reply === undefined) return undefined;
    if (reply !== BACK) answers[key] = reply;
    at += reply === BACK ? -1 : 1;
  }
  const changed = questions.flatMap(([key, , value, read]) => {
    const text = answers[key] ?? value;
    const typed = read(text);
    return text === value || "refused" in typed || typed.value === now[key] ? [] : [[key, typed.value]];
  });
  return Object.fromEntries(changed) as Partial<Sizes>;
}

function problemIn(typed: choices.Typed): { message: string; refused: boolean } | undefined {
  if ("refused" in typed) return { message: typed.refused, refused: true };
  return typed.warning === undefined ? undefined : { message: typed.warning, refused: false };
}

type PolicyPick = vscode.QuickPickItem & { policy: AutostartPolicy };

export async function setAutostart(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "autostart", args);
  const [first] = instances;
  if (!first) return;
  const picks: PolicyPick[] = [
    {
      policy: "off",
      label: vscode.l10n.t("Never"),
      detail: vscode.l10n.t("It starts when you start it."),
    },
    {
      policy: "on",
      label: vscode.l10n.t("When This Host Has Started"),
      detail: vscode.l10n.t("Once after every boot of this host."),
    },
    {
      policy: "restore",
      label: vscode.l10n.t("When It Ran Before"),
      detail: vscode.l10n.t("After a boot of this host, or an end of the engine, only if it ran then."),
    },
  ];
  for (const pick of picks)
    if (pick.policy === first.autostart) pick.description = vscode.l10n.t("as it is now");
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Start {0} Automatically", namesText(instances)),
    placeHolder: vscode.l10n.t("When does it start by itself?"),
  });
  if (!picked) return;
  const { policy } = picked;
  await runOn(
    services,
    {
      title: (count) => vscode.l10n.t("Changing {0} instances", count),
      request: (api, name) => api.instances.update({ name, autostart: policy }),
    },
    instances,
  );
}

export async function setLabels(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "labels", args);
  const [first] = instances;
  if (!first) return;
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Labels of {0}", namesText(instances)),
    prompt: vscode.l10n.t("Words or key=value, with commas between them. They replace those it has."),
    placeHolder: "env=test,web",
    value: labelsText(first.labels),
    validateInput: (typed) => problemOf(() => labelsFrom(typed)),
  });
  if (text === undefined) return;
  const labels = labelsFrom(text);
  await runOn(
    services,
    {
      title: (count) => vscode.l10n.t("Changing {0} instances", count),
      request: (api, name) => api.instances.update({ name, labels }),
    },
    instances,
  );
}

function problemOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function askName(
  services: Services,
  options: { title: string; prompt: string; value: string },
): Promise<string | undefined> {
  const taken = namesOf(services);
  if (options.value && taken.has(options.value)) taken.delete(options.value);
  const text = await vscode.window.showInputBox({
    ...options,
    validateInput: (typed) => choices.nameProblem(typed.trim(), taken),
  });
  return text?.trim();
}

function namesOf({ model }: Services): Set<string> {
  return new Set(model.all().map(({ name }) => name));
}

function namesText(instances: readonly Instance[]): string {
  return listText(instances.map(({ name }) => name));
}
