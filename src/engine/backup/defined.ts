/** A backup with what it says of its instance, for somebody who waits for an answer. */
import { EngineError } from "../../base/errors.ts";
import type { Log } from "../log.ts";
import type { AnyDefinition, Definition } from "./definition.ts";
import { snapshotOf } from "./find-backup.ts";
import type { Repositories, RepositoryRecord } from "./repositories.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { readAnyDefinition } from "./restore-work.ts";

export async function definedIn(
  { repositories, log }: { repositories: Repositories; log: Log },
  record: RepositoryRecord,
  backup: string,
  doing: string,
  signal: AbortSignal,
): Promise<{ snapshot: Snapshot; definition: AnyDefinition }> {
  const ctx = { signal, progress: () => {}, log };
  return repositories.useNow(ctx, record, async (opened) => {
    const snapshot = await snapshotOf(ctx, opened, backup, doing);
    await using reader = await opened.read(ctx);
    return { snapshot, definition: await readAnyDefinition(ctx, reader, snapshot) };
  });
}

/** Throws `not-supported` of a container, which has files and no disks. `doing` begins the message. */
export function machineIn(definition: AnyDefinition, doing: string, hint: string): Definition {
  if (definition.kind === "vm") return definition;
  throw new EngineError("not-supported", `cannot ${doing}: it is one of a container, which has no disks`, {
    hint,
  });
}
