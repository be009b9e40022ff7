/**
 * Makes an instance what it was in a snapshot or a backup of it, in one step: nothing is lost by that, for what it is now is
 * kept in an automatic snapshot, and undoing it is to roll back to that.
 */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineApi } from "../client/engine-client.ts";
import type { Args } from "./actions.ts";
import { backupsIn } from "./backup-choice.ts";
import { dateText, sizeText } from "./phrases.ts";
import { presentDisks } from "./possible.ts";
import { confirm } from "./prompts.ts";
import type { Services } from "./services.ts";
import { snapshotNodes, snapshotsOf } from "./snapshots.ts";
import { runOn, type Verb } from "./work.ts";

/** As the engine calls the one that an instance always has. */
const FIRST_DISK = "disk";

/** What to roll back to. */
type Aim = { instance: Instance; name: string; request: Verb["request"] };

export async function rollBack(services: Services, args: Args): Promise<void> {
  const aim = (await snapshotAim(services, args)) ?? backupAim(services, args);
  if (aim) await goBack(services, aim);
}

/** The others stay as they are. */
export async function rollBackDisk(services: Services, args: Args): Promise<void> {
  const [backup] = backupsIn(args);
  if (!backup) return;
  const disks = presentDisks(there(services, backup.instance.id)).map(({ id, name, sizeBytes }) => {
    return { label: name, description: sizeText(sizeBytes), disk: id };
  });
  const picks = [{ label: vscode.l10n.t("That of Its System"), disk: FIRST_DISK }, ...disks];
  const placeHolder = vscode.l10n.t("Roll which disk of {0} back?", backup.instance.name);
  const disk = (await vscode.window.showQuickPick(picks, { placeHolder }))?.disk;
  const aim = disk && backupAim(services, args, disk);
  if (aim) await goBack(services, aim);
}

async function goBack(services: Services, { instance, name, request }: Aim): Promise<void> {
  const { state } = instance;
  if (state !== "stopped" && !(await confirmHalt(instance))) return;
  const step = (of: Verb["request"]) => runOn(services, { title: () => "", request: of }, [instance]);
  if (state === "running" && !(await step((api, one) => api.instances.stop({ name: one })))) return;
  if (state === "suspended" && !(await step((api, one) => api.instances.stop({ name: one, force: true }))))
    return;
  const isDone = await step(request);
  if (state === "running") await step((api, one) => api.instances.start({ name: one }));
  if (isDone) void offerUndo(services, instance, name);
}

async function snapshotAim(services: Services, args: Args): Promise<Aim | undefined> {
  const [node] = snapshotNodes(args);
  if (!node) return undefined;
  const instance = there(services, node.instance);
  const snapshot = (await snapshotsOf(services, instance.name)).find(({ id }) => id === node.id);
  if (!snapshot)
    throw new EngineError("not-found", `cannot roll ${instance.name} back: the snapshot is gone`);
  const request = (api: EngineApi, name: string) =>
    api.snapshots.restore({ name, snapshot: snapshot.name, automatic: true });
  return { instance, name: snapshot.name, request };
}

function backupAim(services: Services, args: Args, disk?: string): Aim | undefined {
  const [backup] = backupsIn(args);
  if (!backup) return undefined;
  const { repository, id } = backup;
  const instance = there(services, backup.instance.id);
  const request = (api: EngineApi) =>
    api.backups.revert({ repository, backup: id, ...(disk === undefined ? {} : { disk }) });
  return { instance, name: dateText(backup.at), request };
}

function there({ model }: Services, id: string): Instance {
  const instance = model.get(id);
  if (instance) return instance;
  throw new EngineError("not-found", "cannot roll back: the instance is no longer there", {
    hint: "Make a new instance of its backup.",
  });
}

function confirmHalt({ name, state }: Instance): Promise<boolean> {
  if (state === "suspended")
    return confirm(
      vscode.l10n.t("Roll {0} back without its memory?", name),
      vscode.l10n.t("Roll Back Without Memory"),
      vscode.l10n.t("It is suspended: what ran in it is lost, as after a power cut. Its disk is kept."),
    );
  return confirm(
    vscode.l10n.t("Stop {0} and roll it back?", name),
    vscode.l10n.t("Stop and Roll Back"),
    vscode.l10n.t("It is running. Programs in it end, and it starts again when it is what it was."),
  );
}

/** What it was before is the newest of its automatic snapshots. */
async function offerUndo(services: Services, { id, name }: Instance, to: string): Promise<void> {
  const undo = vscode.l10n.t("Undo");
  const kept = newestBefore(await snapshotsOf(services, name));
  const text = vscode.l10n.t("{0} is what it was at {1}.", name, to);
  const chosen = await vscode.window.showInformationMessage(text, ...(kept ? [undo] : []));
  if (chosen === undo && kept)
    await vscode.commands.executeCommand("berth.rollBack", { type: "snapshot", instance: id, id: kept.id });
}

function newestBefore(snapshots: readonly Snapshot[]): Snapshot | undefined {
  return snapshots
    .filter(({ before }) => before === "restore")
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt))
    .at(-1);
}
