/**
 * Makes a stopped instance's disks what they were in a backup of it. What they are now is kept in a snapshot first: it is
 * gone back to where the restore fails, and by whoever thinks better of it.
 */
import * as z from "zod";
import { withDeadline } from "../../base/async.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { FIRST_DISK } from "../drivers/points.ts";
import { NewSnapshot } from "../instances/actions.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import { changedOutside } from "../instances/generations.ts";
import type { Keeper } from "../instances/keeper.ts";
import { reasonOf } from "../instances/power.ts";
import { supportOf, takeSnapshot } from "../instances/snapshots.ts";
import type { WorkCtx } from "../operations.ts";
import { disksOf } from "./definition.ts";
import { BackupDisks } from "./disk-blocks.ts";
import { snapshotOf } from "./find-backup.ts";
import type { RepositoryRecord } from "./repositories.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { type RestoreParts, readDefinition } from "./restore-work.ts";

/** What is journaled of a restore in place. */
export const RevertInput = z.object({
  /** Of the instance. */
  id: z.uuid(),
  action: z.literal("revert"),
  repository: z.uuid(),
  backup: z.string(),
  take: NewSnapshot,
});
export type RevertInput = z.infer<typeof RevertInput>;

const UNDO_MS = 60_000;

export async function revert(
  parts: RestoreParts,
  entry: Entry,
  ctx: WorkCtx,
  input: RevertInput,
): Promise<void> {
  const { keeper, repositories } = parts;
  const doing = `restore ${nameOf(entry)}`;
  const record = repositories.byKey(input.repository);
  if (!record) throw new EngineError("not-found", `cannot ${doing}: its repository is no longer known`);
  const { id } = input.take;
  const isKept = () => entry.record.descriptor.snapshots.some((one) => one.id === id);
  try {
    // An engine may have died after this.
    if (!isKept()) await takeSnapshot(keeper, entry, ctx, input.take);
    await overwrite(parts, entry, ctx, { record, input, doing });
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), doing);
    if (isKept()) await goBack(keeper, entry, ctx, id);
    throw failure;
  }
  ctx.warn(`What ${nameOf(entry)} was before is kept in its snapshot ${input.take.name}`);
}

type Wanted = { record: RepositoryRecord; input: RevertInput; doing: string };

async function overwrite(
  { keeper, repositories }: RestoreParts,
  entry: Entry,
  ctx: WorkCtx,
  { record, input, doing }: Wanted,
): Promise<void> {
  ctx.progress({ phase: "open" });
  await repositories.use(ctx, record, async (repository) => {
    const snapshot = await snapshotOf(ctx, repository, input.backup, doing);
    await using reader = await repository.read(ctx);
    await overwriteAll(keeper, entry, ctx, reader, snapshot);
  });
  ctx.commit();
}

async function overwriteAll(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
): Promise<void> {
  const { points } = keeper.driverOf(entry);
  if (!points)
    throw new EngineError("not-supported", `cannot restore ${nameOf(entry)}: its driver has no disks`);
  const stored = new Set(disksOf(await readDefinition(ctx, reader, snapshot)));
  const instance = await keeper.driverInstance(entry);
  const present = [{ id: FIRST_DISK, sizeBytes: instance.diskBytes }, ...instance.disks];
  const both = present.filter(({ id }) => stored.has(id));
  await keeper.describe(entry, changedOutside(entry.record.descriptor, both));
  const sizes = both.map(({ sizeBytes }) => sizeBytes);
  const disks = new BackupDisks(reader, snapshot, sizes);
  for (const { id, sizeBytes } of both) {
    const file = await disks.open(ctx, id);
    if (file.sizeBytes > sizeBytes)
      throw new EngineError(
        "wrong-state",
        `cannot restore ${nameOf(entry)}: its disk is smaller than that of the backup`,
        {
          hint: "Enlarge it first, or restore to a new instance.",
        },
      );
    await points.overwrite(ctx, instance, { id }, disks.blocks(ctx, file));
  }
}

async function goBack(keeper: Keeper, entry: Entry, ctx: WorkCtx, id: string): Promise<void> {
  const { signal, done } = withDeadline(UNDO_MS);
  try {
    const kept = entry.record.descriptor.snapshots.find((one) => one.id === id);
    const instance = { ...(await keeper.driverInstance(entry)), disks: kept?.disks ?? [] };
    await supportOf(keeper, entry).restore({ ...ctx, signal }, instance, id);
  } catch (error) {
    ctx.warn(`What ${nameOf(entry)} was is in its snapshot: restore that. ${toEngineError(error).message}`);
  } finally {
    done();
  }
}
