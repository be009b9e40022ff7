/** A backup with what it says of its instance, for somebody who waits for an answer. */
import type { Log } from "../log.ts";
import type { Definition } from "./definition.ts";
import { snapshotOf } from "./find-backup.ts";
import type { Repositories, RepositoryRecord } from "./repositories.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { readDefinition } from "./restore-work.ts";

export async function definedIn(
  { repositories, log }: { repositories: Repositories; log: Log },
  record: RepositoryRecord,
  backup: string,
  doing: string,
  signal: AbortSignal,
): Promise<{ snapshot: Snapshot; definition: Definition }> {
  const ctx = { signal, progress: () => {}, log };
  return repositories.useNow(ctx, record, async (opened) => {
    const snapshot = await snapshotOf(ctx, opened, backup, doing);
    await using reader = await opened.read(ctx);
    return { snapshot, definition: await readDefinition(ctx, reader, snapshot) };
  });
}
