/**
 * Makes a backup of an instance: its disks or its trees of files, as they were at one moment, and its definition. All of it
 * is in the repository then, or nothing.
 */
import { EngineError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Moment } from "../instances/lanes.ts";
import type { WorkCtx } from "../operations.ts";
import type { BackupInput } from "./backup-input.ts";
import { pointsOf, saveMachine } from "./disk-backup.ts";
import type { PointBook } from "./point-book.ts";
import type { Repositories } from "./repositories.ts";
import { factsOf } from "./tags.ts";
import { saveTrees } from "./tree-backup.ts";

export type BackupParts = { keeper: Keeper; repositories: Repositories; points: PointBook };

export async function backUp(
  parts: BackupParts,
  entry: Entry,
  ctx: WorkCtx,
  input: BackupInput,
  moment: Moment,
): Promise<void> {
  const { keeper, repositories } = parts;
  const record = repositories.byKey(input.repository);
  if (!record) throw gone(entry);
  ctx.progress({ phase: "open" });
  await repositories.use(ctx, record, async (repository) => {
    const { snapshots } = await repository.snapshots(ctx);
    const holds = (point: string) => snapshots.find((one) => factsOf(one)?.point === point);
    if (holds(input.point)) return; // An engine died after it was whole.
    const { trees } = keeper.driverOf(entry);
    const saving = { entry, input, moment };
    const snapshot = trees
      ? await saveTrees(keeper, repository, ctx, { ...saving, trees })
      : await saveMachine(parts, repository, ctx, { ...saving, holds });
    repositories.changed();
    const added = formatBytes(snapshot.summary?.data_added_packed ?? 0);
    ctx.progress({ phase: "backup", message: `${snapshot.id.slice(0, 8)}, ${added} added` });
  });
}

/** Throws `not-supported` where neither its files nor its disks can be read. */
export function refuseWithout(keeper: Keeper, entry: Entry): void {
  if (!keeper.driverOf(entry).trees) pointsOf(keeper, entry);
}

function gone(entry: Entry): EngineError {
  return new EngineError("not-found", `cannot back up ${nameOf(entry)}: its repository is no longer known`);
}
