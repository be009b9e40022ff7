/** Which backup or repository a command is about: the rows that it was called on, or what the user picks. */
import * as vscode from "vscode";
import type { Backup, BackupRepository } from "../api/backup.ts";
import { type Args, targets } from "./actions.ts";
import { backupFacts } from "./backup-items.ts";
import type { BackupNode } from "./backups-view.ts";
import { ageText } from "./phrases.ts";
import type { Services } from "./services.ts";

/** The backups of the rows. */
export function backupsIn(args: Args): Backup[] {
  return nodesIn(args).flatMap((node) => (node.type === "backup" ? [node.backup] : []));
}

/** The name of the repository that the row is, or lies in. */
export function repositoryIn(args: Args): string | undefined {
  const [node] = nodesIn(args);
  if (node?.type === "repository") return node.repository.name;
  if (node?.type === "backup") return node.backup.repository;
  // Instances have rows in other views, too.
  return node?.type === "instance" && "repository" in node ? node.repository : undefined;
}

function nodesIn([first, all]: Args): BackupNode[] {
  const isNode = (value: unknown): value is BackupNode =>
    typeof value === "object" && value !== null && "type" in value;
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}

/** Those of the rows; else the one that the user picks among all for which it can be done. */
export async function chosenBackups(
  services: Services,
  args: Args,
  question: string,
  can: (backup: Backup) => boolean = () => true,
): Promise<Backup[]> {
  const named = backupsIn(args);
  if (named.length > 0) return named.filter(can);
  const picked = await pickBackup(services, question, can);
  return picked ? [picked] : [];
}

/** That of the row, or one of the row's instance; from the palette, of any, also of one that is no more. */
export async function oneBackup(
  services: Services,
  args: Args,
  question: string,
): Promise<Backup | undefined> {
  const [row] = backupsIn(args);
  if (row) return row;
  const instance = args.length === 0 ? undefined : (await targets(services, "backUp", args))[0];
  return pickBackup(services, question, (one) => !instance || one.instance.id === instance.id);
}

/** Of one instance, or of all; says so where there is none. */
async function pickBackup(
  services: Services,
  question: string,
  can: (backup: Backup) => boolean = () => true,
): Promise<Backup | undefined> {
  const { api } = await services.mirror.client();
  const { items, problems } = await api.backups.list({});
  for (const { message } of problems) services.log.warn(message);
  const now = new Date();
  const picks = items
    .filter(can)
    .reverse()
    .map((backup) => ({
      label: backup.instance.name,
      description: [ageText(backup.at, now), backup.id.slice(0, 8), backup.repository].join(" · "),
      detail: backupFacts(backup).join(" · "),
      backup,
    }));
  if (picks.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t("There is no backup for which this can be done."),
    );
    return undefined;
  }
  const options = { placeHolder: question, matchOnDescription: true, matchOnDetail: true };
  return (await vscode.window.showQuickPick(picks, options))?.backup;
}

/** That of the row, the only one, or the one that the user picks; `none` where there is none. */
export async function chosenRepository(
  services: Services,
  args: Args,
  question: string,
  none: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const named = repositoryIn(args);
  if (named !== undefined) return named;
  const { api } = await services.mirror.client();
  const { items } = await api.repositories.list();
  const [only] = items;
  if (!only) return none();
  if (items.length === 1) return only.name;
  const picks = items.map(({ name, place }: BackupRepository) => ({ label: name, description: place }));
  return (await vscode.window.showQuickPick(picks, { placeHolder: question }))?.label;
}
