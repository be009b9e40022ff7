/** Questions to the user: which instance, and whether they are sure. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { type Action, actionsOf, instanceItem } from "./items.ts";
import type { Model } from "./model.ts";
import { listText, sizeText } from "./phrases.ts";

const QUESTIONS: Readonly<Record<Action, string>> = {
  start: vscode.l10n.t("Which instance should start?"),
  stop: vscode.l10n.t("Which instance should stop?"),
  startCold: vscode.l10n.t("Which instance should start without its memory?"),
  stopLater: vscode.l10n.t("Which instance should stop later?"),
  cancelStop: vscode.l10n.t("Which instance shall not stop after all?"),
  suspend: vscode.l10n.t("Which instance should be suspended?"),
  pause: vscode.l10n.t("Which container should be paused?"),
  release: vscode.l10n.t("Which container should be left as it is, and forgotten?"),
  unpause: vscode.l10n.t("Which container should go on?"),
  enableZone: vscode.l10n.t("Enable the zone of which instance?"),
  forceStop: vscode.l10n.t("Which instance should be stopped by force?"),
  restart: vscode.l10n.t("Which instance should restart?"),
  delete: vscode.l10n.t("Which instance should move to the trash?"),
  recover: vscode.l10n.t("Which instance should come back from the trash?"),
  purge: vscode.l10n.t("Which instance should be removed for good?"),
  console: vscode.l10n.t("Open the serial console of which instance?"),
  display: vscode.l10n.t("Open the graphical console of which instance?"),
  shell: vscode.l10n.t("Open a shell in which instance?"),
  attach: vscode.l10n.t("Attach a shell to which container?"),
  attachMain: vscode.l10n.t("Attach to the main process of which container?"),
  exec: vscode.l10n.t("Run a command in which instance?"),
  open: vscode.l10n.t("Open a folder in which instance?"),
  browse: vscode.l10n.t("Browse the files of which instance?"),
  copyTo: vscode.l10n.t("Copy files to which instance?"),
  cloudInitLog: vscode.l10n.t("Show the cloud-init log of which instance?"),
  mount: vscode.l10n.t("Mount a folder in which instance?"),
  unmount: vscode.l10n.t("Unmount a folder of which instance?"),
  addPort: vscode.l10n.t("Forward a port of which instance?"),
  openPort: vscode.l10n.t("Open a port of which instance in the browser?"),
  removePort: vscode.l10n.t("Stop forwarding a port of which instance?"),
  snapshot: vscode.l10n.t("Take a snapshot of which instance?"),
  snapshots: vscode.l10n.t("A snapshot of which instance?"),
  backUp: vscode.l10n.t("Back up which instance?"),
  rename: vscode.l10n.t("Rename which instance?"),
  clone: vscode.l10n.t("Clone which instance?"),
  sizes: vscode.l10n.t("Change the size of which instance?"),
  rotateKey: vscode.l10n.t("Change the encryption key of which instance?"),
  addDisk: vscode.l10n.t("Add a disk to which instance?"),
  removeDisk: vscode.l10n.t("Remove a disk of which instance?"),
  autostart: vscode.l10n.t("Which instance should start automatically?"),
  labels: vscode.l10n.t("Edit the labels of which instance?"),
  export: vscode.l10n.t("Export which instance?"),
  moveAway: vscode.l10n.t("Bring which instance to another engine?"),
  settleMove: vscode.l10n.t("Confirm, or take back, the move of which instance?"),
  details: vscode.l10n.t("Show the details of which instance?"),
  log: vscode.l10n.t("Show the log of which instance?"),
  logs: vscode.l10n.t("View the logs of which container?"),
  ssh: vscode.l10n.t("Copy the SSH command of which instance?"),
  address: vscode.l10n.t("Copy the address of which instance?"),
  cancel: vscode.l10n.t("Cancel the operation on which instance?"),
};

/** Those for which the action makes sense now. */
export function candidates(model: Model, action: Action): Instance[] {
  return model.all().filter((one) => actionsOf(one, model.operationOf(one)).includes(action));
}

/** Undefined when the user gave up, or when there was nothing to choose from (which is said). */
export async function pickInstance(
  model: Model,
  action: Action,
  options: { single?: "ask" | "take" } = {},
): Promise<Instance | undefined> {
  const all = candidates(model, action);
  if (all.length === 0) return void (await sayNothingToDo(model));
  const [only] = all;
  if (all.length === 1 && options.single === "take") return only;
  const picked = await vscode.window.showQuickPick(
    all.map((instance) => ({ ...toPick(instance, model), instance })),
    { placeHolder: QUESTIONS[action], matchOnDescription: true },
  );
  return picked?.instance;
}

function toPick(instance: Instance, model: Model): vscode.QuickPickItem {
  const item = instanceItem(instance, model.operationOf(instance));
  const icon = item.icon.color
    ? new vscode.ThemeIcon(item.icon.id, new vscode.ThemeColor(item.icon.color))
    : new vscode.ThemeIcon(item.icon.id);
  return { label: item.label, description: item.description, iconPath: icon };
}

async function sayNothingToDo(model: Model): Promise<void> {
  const launch = vscode.l10n.t("Launch…");
  const text =
    model.all().length === 0
      ? vscode.l10n.t("There is no instance yet.")
      : vscode.l10n.t("There is no instance for which this can be done now.");
  const chosen = await vscode.window.showInformationMessage(
    text,
    ...(model.all().length === 0 ? [launch] : []),
  );
  if (chosen === launch) await vscode.commands.executeCommand("berth.launch");
}

/** Says what deleting does. Asks nothing where the user has turned that off. */
export async function confirmDelete(instances: readonly Instance[]): Promise<boolean> {
  const wanted = vscode.workspace.getConfiguration("berth").get<boolean>("confirmDelete", true);
  if (!wanted) return true;
  const names = listText(instances.map(({ name }) => name));
  const running = instances.some(({ state }) => state === "running");
  const detail =
    instances.length === 1
      ? [
          running ? vscode.l10n.t("It is running and is stopped first.") : "",
          vscode.l10n.t("It stays in the trash, with its disk, until you recover or purge it."),
        ]
      : [
          running ? vscode.l10n.t("Those that run are stopped first.") : "",
          vscode.l10n.t("They stay in the trash, with their disks, until you recover or purge them."),
        ];
  return confirm(
    vscode.l10n.t("Delete {0}?", names),
    vscode.l10n.t("Move to Trash"),
    detail.filter(Boolean).join(" "),
  );
}

/** Always asks: nothing brings a purged instance back. */
export async function confirmPurge(instances: readonly Instance[]): Promise<boolean> {
  const names = listText(instances.map(({ name }) => name));
  const bytes = instances.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const detail =
    bytes > 0
      ? vscode.l10n.t(
          "The disk (up to {0}) and everything on it is removed. This cannot be undone.",
          sizeText(bytes),
        )
      : vscode.l10n.t("Everything in it is removed, but for volumes with a name. This cannot be undone.");
  return confirm(vscode.l10n.t("Remove {0} for good?", names), vscode.l10n.t("Remove for Good"), detail);
}

export async function confirmForceStop(instances: readonly Instance[]): Promise<boolean> {
  const names = listText(instances.map(({ name }) => name));
  return confirm(
    vscode.l10n.t("Stop {0} by force?", names),
    vscode.l10n.t("Force Stop"),
    vscode.l10n.t("Like pulling the plug: what the guest has not written yet is lost."),
  );
}

export async function confirmStartCold(instances: readonly Instance[]): Promise<boolean> {
  const names = listText(instances.map(({ name }) => name));
  return confirm(
    vscode.l10n.t("Start {0} without its memory?", names),
    vscode.l10n.t("Start Without Memory"),
    vscode.l10n.t("What ran when it was suspended is lost, as after a power cut. The disk is kept."),
  );
}

/** Nothing is opened to others without these words. */
export async function confirmWide({ name }: Instance, hostPort: number): Promise<boolean> {
  return confirm(
    vscode.l10n.t("Let other computers connect to {0}?", name),
    vscode.l10n.t("Let Others Connect"),
    vscode.l10n.t(
      "Port {0} will be open on all addresses of this host: whoever can reach this host on any of its networks can then connect to the guest, without a password of Berth's.",
      hostPort,
    ),
  );
}

/** Asks before what cannot be taken back: resolves with whether the button `yes` was pressed. */
export async function confirm(question: string, yes: string, detail?: string): Promise<boolean> {
  const options = { modal: true, ...(detail === undefined ? {} : { detail }) };
  return (await vscode.window.showWarningMessage(question, options, yes)) === yes;
}
