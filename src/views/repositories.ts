/** The commands about the places where backups lie. */
import * as vscode from "vscode";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import type { Operation } from "../api/operation.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { type Args, say } from "./actions.ts";
import { chosenRepository } from "./backup-choice.ts";
import { withCancellableProgress } from "./progress.ts";
import { confirm } from "./prompts.ts";
import type { Services } from "./services.ts";

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
  const title = vscode.l10n.t("Making {0}", name);
  await followed(services, title, (api) => api.repositories.add({ name, place, init: true }));
  void showKit(services, name, vscode.l10n.t("The repository {0} is made.", name));
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
  const title = vscode.l10n.t("Opening {0}", name);
  await followed(services, title, (api) => api.repositories.add({ name, place, password }));
  return name;
}

/** Whoever has closed it unread can ask for it again, as long as this host is there. */
async function showKit({ mirror }: Services, name: string, headline: string): Promise<void> {
  const copy = { title: vscode.l10n.t("Copy Password") };
  const close = { title: vscode.l10n.t("Close"), isCloseAffordance: true };
  const { api } = await mirror.client();
  const { password } = await api.repositories.reveal({ name });
  const detail = vscode.l10n.t(
    "Its password:\n{0}\n\nKeep it where nobody else comes: without it no backup can be read, should this host be lost.",
    password,
  );
  const chosen = await vscode.window.showInformationMessage(headline, { modal: true, detail }, copy, close);
  if (chosen === copy) await vscode.env.clipboard.writeText(password);
}

export async function showRecoveryKit(services: Services, args: Args): Promise<void> {
  const name = await chosen(services, args, vscode.l10n.t("Show the password of which repository?"));
  if (name !== undefined)
    await showKit(services, name, vscode.l10n.t("The recovery kit of the repository {0}", name));
}

export async function checkRepository(services: Services, args: Args): Promise<void> {
  const name = await chosen(services, args, vscode.l10n.t("Check which repository?"));
  if (name === undefined) return;
  const picks = [
    {
      label: vscode.l10n.t("That Nothing Is Missing"),
      detail: vscode.l10n.t("Reads what tells of the data, not the data."),
      readShare: 0,
    },
    {
      label: vscode.l10n.t("And Read a Tenth of the Data"),
      detail: vscode.l10n.t("And compares it with its sums."),
      readShare: 0.1,
    },
    {
      label: vscode.l10n.t("And Read All of the Data"),
      detail: vscode.l10n.t("Takes as long as to copy it."),
      readShare: 1,
    },
  ];
  const title = vscode.l10n.t("Check {0}", name);
  const picked = await vscode.window.showQuickPick(picks, { title });
  if (!picked) return;
  const { readShare } = picked;
  await followed(services, vscode.l10n.t("Checking {0}", name), (api) =>
    api.repositories.check({ name, readShare }),
  );
  say(vscode.l10n.t("Nothing is wrong with {0}.", name));
}

export async function pruneRepository(services: Services, args: Args): Promise<void> {
  const name = await chosen(services, args, vscode.l10n.t("Free the unused space of which repository?"));
  if (name === undefined) return;
  await followed(services, vscode.l10n.t("Pruning {0}", name), (api) => api.repositories.prune({ name }));
  say(vscode.l10n.t("{0} holds nothing that no backup needs.", name));
}

export async function changePassword(services: Services, args: Args): Promise<void> {
  const name = await chosen(services, args, vscode.l10n.t("Change the password of which repository?"));
  if (name === undefined) return;
  const password = await vscode.window.showInputBox({
    title: vscode.l10n.t("Change the Password of {0}", name),
    prompt: vscode.l10n.t("The new one. Left empty, one is drawn. The one it has now opens it no more."),
    password: true,
    ignoreFocusOut: true,
  });
  if (password === undefined) return;
  const { api } = await services.mirror.client();
  await api.repositories.changePassword({ name, ...(password === "" ? {} : { password }) });
  await showKit(services, name, vscode.l10n.t("The repository {0} has a new password.", name));
}

export async function removeRepository(services: Services, args: Args): Promise<void> {
  const name = await chosen(services, args, vscode.l10n.t("Forget which repository?"));
  if (name === undefined) return;
  const detail = vscode.l10n.t(
    "What lies in its place stays, but Berth forgets its password: without the recovery kit no backup in it can be read again.",
  );
  const yes = vscode.l10n.t("Forget It");
  if (!(await confirm(vscode.l10n.t("Forget the repository {0}?", name), yes, detail))) return;
  const { api } = await services.mirror.client();
  await api.repositories.remove({ name });
}

export async function refreshBackups({ backups }: Services): Promise<void> {
  backups.refresh();
}

/** Says so where there is none. */
function chosen(services: Services, args: Args, question: string): Promise<string | undefined> {
  return chosenRepository(services, args, question, async () => {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no repository yet."));
    return undefined;
  });
}

/** Begins an operation on no instance, and follows it to its end. */
export async function followed(
  { mirror }: Pick<Services, "mirror">,
  title: string,
  begin: (api: EngineApi) => Promise<Operation>,
): Promise<void> {
  const client = await mirror.client();
  const operation = await begin(client.api);
  await withCancellableProgress(title, (signal, report) =>
    client.watchOperation(operation, { signal, onProgress: report }),
  );
}
