/** The files of a backup, as the instance that shows them has them. */
import { posix } from "node:path";
import { BACKUP_FILES } from "../../api/backup.ts";
import { EngineError } from "../../base/errors.ts";
import type { EngineApi } from "../engine-client.ts";
import type { GuestFiles } from "./guest-files.ts";
import { RootedFiles } from "./rooted-files.ts";

const ROOT = "root";

/** Whether its files lie in the repository themselves, as those of a container, and need no instance to be shown. */
export async function isStored(
  { backups }: Pick<EngineApi, "backups">,
  { repository, backup }: { repository: string; backup: string },
): Promise<boolean> {
  const { items } = await backups.list({ repository });
  return items.find(({ id }) => id.startsWith(backup))?.instance.kind === "container";
}

/** The directory of a volume; without one, the machine's root, or, where there is none, of what there is. */
export async function directoryOf(files: Pick<GuestFiles, "list">, volume?: string): Promise<string> {
  const volumes = (await files.list(BACKUP_FILES)).map(([name]) => name);
  if (volume !== undefined && !volumes.includes(volume))
    throw new EngineError("not-found", `cannot show the files of ${volume}: the backup has no such volume`, {
      hint: `There are: ${volumes.sort().join(", ")}`,
    });
  const wanted = volume ?? (volumes.includes(ROOT) ? ROOT : undefined);
  return wanted === undefined ? BACKUP_FILES : posix.join(BACKUP_FILES, wanted);
}

export async function filesOfBackup(files: GuestFiles, volume?: string): Promise<RootedFiles> {
  return new RootedFiles(files, await directoryOf(files, volume));
}
