/** The commands about snapshots of an instance. */
import * as vscode from "vscode";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { type Args, say, targets } from "./actions.ts";
import type { Action } from "./items.ts";
import { ageText } from "./phrases.ts";
import { confirm } from "./prompts.ts";
import type { Services, TreeNode } from "./services.ts";
import { removalText } from "./snapshot-tree.ts";
import { runOn, type Verb } from "./work.ts";

export async function takeSnapshot(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "snapshot", args);
  const [first] = instances;
  if (!first) return;
  const known = instances.length === 1 ? await snapshotsOf(services, first.name) : [];
  const snapshot = await askName({
    title: vscode.l10n.t(
      "Take a Snapshot of {0}",
      instances.length === 1 ? first.name : String(instances.length),
    ),
    prompt: vscode.l10n.t("What is it called? Leave it empty for the next number."),
    taken: known.map(({ name }) => name),
    empty: true,
  });
  if (snapshot === undefined) return;
  const comment = await askComment(vscode.l10n.t("Comment"), "");
  if (comment === undefined) return;
  const verb: Verb = {
    title: (count) => vscode.l10n.t("Taking snapshots of {0} instances", count),
    request: (api, name) => api.snapshots.take({ name, comment, ...(snapshot === "" ? {} : { snapshot }) }),
  };
  if (await runOn(services, verb, instances)) say(vscode.l10n.t("Snapshot taken."));
}

/** Asks whether what the instance is now shall be kept; giving up the question gives up the restore. */
export async function restoreSnapshot(services: Services, args: Args): Promise<void> {
  const [one] = await chosen(services, args, vscode.l10n.t("Restore which snapshot?"));
  if (!one) return;
  const keep = vscode.l10n.t("Take Snapshot and Restore");
  const discard = vscode.l10n.t("Restore Only");
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t("Restore {0} to {1}?", one.instance, one.name),
    {
      modal: true,
      detail: vscode.l10n.t(
        "Its disk and its sizes become what they were then. What it is now can be kept in a snapshot first; without one it is lost.",
      ),
    },
    keep,
    discard,
  );
  if (answer === undefined) return;
  const destructive = answer === discard;
  const done = await onInstance(services, one, (api, name) =>
    api.snapshots.restore({ name, snapshot: one.name, destructive }),
  );
  if (done) say(vscode.l10n.t("{0} is what it was at {1}.", one.instance, one.name));
}

export async function renameSnapshot(services: Services, args: Args): Promise<void> {
  const [one] = await chosen(services, args, vscode.l10n.t("Rename which snapshot?"));
  if (!one) return;
  const known = await snapshotsOf(services, one.instance);
  const to = await askName({
    title: vscode.l10n.t("Rename {0}", one.name),
    prompt: vscode.l10n.t("Its new name."),
    value: one.name,
    taken: known.map(({ name }) => name).filter((name) => name !== one.name),
  });
  if (to === undefined || to === one.name) return;
  await onInstance(services, one, (api, name) => api.snapshots.update({ name, snapshot: one.name, to }));
}

export async function commentSnapshot(services: Services, args: Args): Promise<void> {
  const [one] = await chosen(services, args, vscode.l10n.t("Comment which snapshot?"));
  if (!one) return;
  const comment = await askComment(vscode.l10n.t("Comment of {0}", one.name), one.comment);
  if (comment === undefined || comment === one.comment) return;
  await onInstance(services, one, (api, name) => api.snapshots.update({ name, snapshot: one.name, comment }));
}

export async function deleteSnapshot(services: Services, args: Args): Promise<void> {
  const all = await chosen(services, args, vscode.l10n.t("Delete which snapshot?"));
  const [one] = all;
  if (!one) return;
  const question =
    all.length === 1
      ? vscode.l10n.t("Delete the snapshot {0} of {1}?", one.name, one.instance)
      : vscode.l10n.t("Delete {0} snapshots?", all.length);
  const detail = all.length === 1 ? removalText(one) : vscode.l10n.t("What only they hold is gone for good.");
  if (!(await confirm(question, vscode.l10n.t("Delete for Good"), detail))) return;
  // One after the other: an instance does one thing at a time.
  for (const each of all)
    await onInstance(services, each, (api, name) => api.snapshots.remove({ name, snapshot: each.name }));
}

async function onInstance(services: Services, one: Snapshot, request: Verb["request"]): Promise<boolean> {
  const instance = services.model.byName(one.instance);
  return instance ? runOn(services, { title: () => "", request }, [instance]) : false;
}

export async function snapshotsOf(services: Services, instance: string): Promise<Snapshot[]> {
  const client = await services.mirror.client();
  return (await client.api.snapshots.list({ instance })).items;
}

/** Those of the rows; else of an instance and a snapshot that the user picks. */
async function chosen(services: Services, args: Args, question: string): Promise<Snapshot[]> {
  const rows = snapshotNodes(args);
  const [row] = rows;
  if (row) {
    const all = await Promise.all(
      [...new Set(rows.map(({ instance }) => instance))].map(async (id) => {
        const instance = services.model.get(id);
        return instance ? snapshotsOf(services, instance.name) : [];
      }),
    );
    const wanted = new Set(rows.map(({ id }) => id));
    return all.flat().filter(({ id }) => wanted.has(id));
  }
  const action: Action = "snapshots";
  const [instance] = await targets(services, action, args);
  if (!instance) return [];
  const now = new Date();
  const picks = (await snapshotsOf(services, instance.name)).map((snapshot) => ({
    label: snapshot.name,
    description: [ageText(snapshot.createdAt, now), ...(snapshot.current ? ["current"] : [])].join(" · "),
    detail: snapshot.comment,
    snapshot,
  }));
  const picked = await vscode.window.showQuickPick(picks, { placeHolder: question, matchOnDetail: true });
  return picked ? [picked.snapshot] : [];
}

type SnapshotNode = Extract<TreeNode, { type: "snapshot" }>;

export function snapshotNodes([first, all]: Args): SnapshotNode[] {
  const isNode = (value: unknown): value is SnapshotNode =>
    typeof value === "object" && value !== null && "type" in value && value.type === "snapshot";
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}

async function askName(options: {
  title: string;
  prompt: string;
  taken: readonly string[];
  value?: string;
  empty?: boolean;
}): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title: options.title,
    prompt: options.prompt,
    ...(options.value === undefined ? {} : { value: options.value }),
    validateInput: (typed) => {
      const name = typed.trim();
      if (name === "") return options.empty ? undefined : vscode.l10n.t("A name is needed.");
      if (!NAME_PATTERN.test(name)) return NAME_RULE;
      return options.taken.includes(name) ? vscode.l10n.t("{0} exists already.", name) : undefined;
    },
  });
  return text?.trim();
}

function askComment(title: string, value: string): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title,
    value,
    prompt: vscode.l10n.t("What it is for. May be left empty."),
    validateInput: (text) => (text.length > 1000 ? vscode.l10n.t("At most 1000 characters.") : undefined),
  });
}
