/** The commands about backups: making, verifying, protecting and deleting them, and making new instances of them. */
import * as vscode from "vscode";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import { type Args, say, targets } from "./actions.ts";
import { chosenBackups, chosenRepository, oneBackup } from "./backup-choice.ts";
import { dateText } from "./phrases.ts";
import { confirm } from "./prompts.ts";
import { addRepository, followed } from "./repositories.ts";
import type { Services } from "./services.ts";
import { runOn, type Verb } from "./work.ts";

export async function backUp(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "backUp", args);
  if (instances.length === 0) return;
  const repository = await repositoryFor(services, args);
  if (repository === undefined) return;
  const verb: Verb = {
    title: (count) => vscode.l10n.t("Backing up {0} instances", count),
    request: (api, name) => api.backups.create({ name, repository }),
  };
  if (await runOn(services, verb, instances)) say(vscode.l10n.t("Backed up to {0}.", repository));
}

/** Where a backup shall lie. Where there is no repository, one is made first. */
export function repositoryFor(services: Services, args: Args): Promise<string | undefined> {
  const question = vscode.l10n.t("Back up to which repository?");
  return chosenRepository(services, args, question, () => addRepository(services));
}

export async function restoreBackup(services: Services, args: Args): Promise<void> {
  const backup = await oneBackup(services, args, vscode.l10n.t("Make a new instance of which backup?"));
  if (!backup) return;
  const taken = new Set(services.model.all().map(({ name }) => name));
  const as = await vscode.window.showInputBox({
    title: vscode.l10n.t("Make a New Instance of the Backup"),
    prompt: vscode.l10n.t("What is it called?"),
    value: freeName(backup.instance.name, taken),
    validateInput: (text) => {
      if (!NAME_PATTERN.test(text.trim())) return NAME_RULE;
      return taken.has(text.trim()) ? vscode.l10n.t("{0} exists already.", text.trim()) : undefined;
    },
  });
  if (as === undefined) return;
  const live = backup.instance.kind === "vm" ? await chosenLive() : false;
  if (live === undefined) return;
  const { repository, id } = backup;
  const title = vscode.l10n.t("Restoring {0}", as.trim());
  const wanted = { repository, backup: id, as: as.trim(), live };
  await followed(services, title, (api) => api.backups.restore(wanted));
  say(
    live
      ? vscode.l10n.t("{0} runs, and the rest of its data follows.", as.trim())
      : vscode.l10n.t("{0} is what {1} was.", as.trim(), backup.instance.name),
  );
}

/** Whether the guest starts before its data is there. */
async function chosenLive(): Promise<boolean | undefined> {
  const picks = [
    { label: vscode.l10n.t("Bring In All of It, and Let It Rest"), live: false },
    { label: vscode.l10n.t("Start It at Once: the Rest Follows"), live: true },
  ];
  const title = vscode.l10n.t("Its Data");
  const placeHolder = vscode.l10n.t("As long as a part of it is missing, the backup is needed.");
  return (await vscode.window.showQuickPick(picks, { title, placeHolder }))?.live;
}

/** `web`, or the first of `web-restored`, `web-restored2`, … that is free. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let n = 1; ; n += 1) {
    const free = `${name}-restored${n === 1 ? "" : n}`;
    if (!taken.has(free)) return free;
  }
}

export async function verifyBackup(services: Services, args: Args): Promise<void> {
  const chosen = await chosenBackups(services, args, vscode.l10n.t("Read all of which backup?"));
  for (const { repository, id, instance, at } of chosen) {
    const title = vscode.l10n.t("Verifying {0} of {1}", instance.name, dateText(at));
    await followed(services, title, (api) => api.backups.verify({ repository, backup: id }));
  }
  if (chosen.length > 0) say(vscode.l10n.t("All of it is there, and as it was."));
}

export async function drillBackup(services: Services, args: Args): Promise<void> {
  const backup = await oneBackup(
    services,
    args,
    vscode.l10n.t("Restore and boot which backup, to prove it?"),
  );
  if (!backup) return;
  const { repository, id, instance, at } = backup;
  const title = vscode.l10n.t("Proving {0} of {1}", instance.name, dateText(at));
  await followed(services, title, (api) => api.backups.drill({ repository, backup: id }));
  say(vscode.l10n.t("It can be restored, and boots."));
}

export function protectBackup(services: Services, args: Args): Promise<void> {
  return protect(services, args, true);
}

export function unprotectBackup(services: Services, args: Args): Promise<void> {
  return protect(services, args, false);
}

async function protect(services: Services, args: Args, isProtected: boolean): Promise<void> {
  const question = isProtected
    ? vscode.l10n.t("Keep which backup, whatever is forgotten?")
    : vscode.l10n.t("Take the protection from which backup?");
  const chosen = await chosenBackups(services, args, question, (one) => one.isProtected !== isProtected);
  const { api } = await services.mirror.client();
  for (const { repository, id } of chosen) await api.backups.update({ repository, backup: id, isProtected });
}

export async function deleteBackup(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Delete which backup?");
  const chosen = await chosenBackups(services, args, question, ({ isProtected }) => !isProtected);
  const [one] = chosen;
  if (!one) return;
  const asked =
    chosen.length === 1
      ? vscode.l10n.t("Delete the backup of {0} of {1}?", one.instance.name, dateText(one.at))
      : vscode.l10n.t("Delete {0} backups?", chosen.length);
  const detail = vscode.l10n.t(
    "No other backup lacks anything then. The space of what only it needs is freed when the repository is pruned.",
  );
  if (!(await confirm(asked, vscode.l10n.t("Delete for Good"), detail))) return;
  const { api } = await services.mirror.client();
  for (const { repository, id } of chosen) await api.backups.remove({ repository, backup: id });
}
