/** The commands about backups: making one, making a new instance of one, and where they lie. */
import * as vscode from "vscode";
import type { Backup, BackupRepository } from "../api/backup.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import type { Operation } from "../api/operation.ts";
import { formatBytes } from "../base/units.ts";
import type { EngineApi, EngineClient } from "../client/engine-client.ts";
import { type Args, say, targets } from "./actions.ts";
import { ageText } from "./phrases.ts";
import { withCancellableProgress } from "./progress.ts";
import type { Services } from "./services.ts";
import { runOn, type Verb } from "./work.ts";

export async function backUp(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "backUp", args);
  if (instances.length === 0) return;
  const repository = await chosenRepository(services);
  if (repository === undefined) return;
  const verb: Verb = {
    title: (count) => vscode.l10n.t("Backing up {0} instances", count),
    request: (api, name) => api.backups.create({ name, repository }),
  };
  if (await runOn(services, verb, instances)) say(vscode.l10n.t("Backed up to {0}.", repository));
}

/** Of the row's instance; from the palette, of any, also of one that is no more. */
export async function restoreBackup(services: Services, args: Args): Promise<void> {
  const instance = args.length === 0 ? undefined : (await targets(services, "backUp", args))[0];
  const client = await services.mirror.client();
  const { items, problems } = await client.api.backups.list(instance ? { instance: instance.id } : {});
  for (const { message } of problems) services.log.warn(message);
  if (items.length === 0) return say(vscode.l10n.t("There is no backup yet."));
  const backup = await pickBackup(items, vscode.l10n.t("Make a new instance of which backup?"));
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
  const { repository, id } = backup;
  const title = vscode.l10n.t("Restoring {0}", as.trim());
  await followed(client, title, (api) => api.backups.restore({ repository, backup: id, as: as.trim() }));
  say(vscode.l10n.t("{0} is what {1} was.", as.trim(), backup.instance.name));
}

/** `web`, or the first of `web-restored`, `web-restored2`, … that is free. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let n = 1; ; n += 1) {
    const free = `${name}-restored${n === 1 ? "" : n}`;
    if (!taken.has(free)) return free;
  }
}

export async function pickBackup(items: readonly Backup[], placeHolder: string): Promise<Backup | undefined> {
  const now = new Date();
  const picks = [...items].reverse().map((backup) => ({
    label: backup.instance.name,
    description: [ageText(backup.at, now), backup.id.slice(0, 8), backup.repository].join(" · "),
    detail: [formatBytes(backup.sizeBytes), ...(backup.isProtected ? [vscode.l10n.t("protected")] : [])].join(
      " · ",
    ),
    backup,
  }));
  const picked = await vscode.window.showQuickPick(picks, { placeHolder, matchOnDescription: true });
  return picked?.backup;
}

/** The only one, or the one that the user picks; where there is none, one is made first. */
async function chosenRepository(services: Services): Promise<string | undefined> {
  const client = await services.mirror.client();
  const { items } = await client.api.repositories.list();
  const [only] = items;
  if (!only) return addRepository(services);
  if (items.length === 1) return only.name;
  const picks = items.map(({ name, place }: BackupRepository) => ({ label: name, description: place }));
  const placeHolder = vscode.l10n.t("Back up to which repository?");
  return (await vscode.window.showQuickPick(picks, { placeHolder }))?.label;
}

/** Resolves with its name; undefined when the user gave up. */
export async function addRepository(services: Services): Promise<string | undefined> {
  const title = vscode.l10n.t("Add Backup Repository");
  const place = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t(
      "Where shall backups lie? A folder of the engine's host, sftp:me@host:/path, rest:https://host:8000/path",
    ),
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === "" ? vscode.l10n.t("A place is needed.") : undefined),
  });
  if (place === undefined) return undefined;
  const name = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t("What is it called?"),
    value: "backups",
    validateInput: (text) => (NAME_PATTERN.test(text.trim()) ? undefined : NAME_RULE),
  });
  if (name === undefined) return undefined;
  const make = vscode.l10n.t("Make a New Repository There");
  const open = vscode.l10n.t("Open the One That Is There");
  const chosen = await vscode.window.showQuickPick([make, open], { title });
  if (chosen === undefined) return undefined;
  return chosen === make
    ? makeRepository(services, name.trim(), place.trim())
    : openRepository(services, name.trim(), place.trim());
}

async function makeRepository(services: Services, name: string, place: string): Promise<string> {
  const client = await services.mirror.client();
  const title = vscode.l10n.t("Making {0}", name);
  await followed(client, title, (api) => api.repositories.add({ name, place, init: true }));
  void showKit(client, name);
  return name;
}

async function openRepository(services: Services, name: string, place: string): Promise<string | undefined> {
  const password = await vscode.window.showInputBox({
    title: vscode.l10n.t("Open {0}", name),
    prompt: vscode.l10n.t("Its password. The recovery kit has it."),
    password: true,
    ignoreFocusOut: true,
  });
  if (!password) return undefined;
  const client = await services.mirror.client();
  const title = vscode.l10n.t("Opening {0}", name);
  await followed(client, title, (api) => api.repositories.add({ name, place, password }));
  return name;
}

/** Once: whoever closes it is asked for it when this host is lost. */
async function showKit({ api }: EngineClient, name: string): Promise<void> {
  const copy = vscode.l10n.t("Copy Password");
  const { password } = await api.repositories.reveal({ name });
  const chosen = await vscode.window.showInformationMessage(
    vscode.l10n.t("The repository {0} is made.", name),
    {
      modal: true,
      detail: vscode.l10n.t(
        "Its password is {0}. Keep it where nobody else comes: without it no backup can be read, should this host be lost.",
        password,
      ),
    },
    copy,
  );
  if (chosen === copy) await vscode.env.clipboard.writeText(password);
}

async function followed(
  client: EngineClient,
  title: string,
  begin: (api: EngineApi) => Promise<Operation>,
): Promise<void> {
  const operation = await begin(client.api);
  await withCancellableProgress(title, (signal, report) =>
    client.watchOperation(operation, { signal, onProgress: report }),
  );
}
