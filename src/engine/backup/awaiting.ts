/** Who still needs a backup, because its disks are not whole without it. Pure. */
import type { Entry } from "../instances/entry.ts";
import type { Snapshot } from "./repository/snapshot.ts";

type Awaiting = Pick<Entry, "record">;

/** One of the instances, those in the trash too, that await data of the backup. */
export function awaiting<T extends Awaiting>(
  entries: readonly T[],
  { id, original }: Pick<Snapshot, "id" | "original">,
): T | undefined {
  return entries.find(({ record }) => {
    const backup = record.descriptor.awaited?.backup;
    return backup !== undefined && (backup === id || backup === original);
  });
}

/** The same of any backup in a repository. */
export function awaitingAny<T extends Awaiting>(entries: readonly T[], repository: string): T | undefined {
  return entries.find(({ record }) => record.descriptor.awaited?.repository === repository);
}
