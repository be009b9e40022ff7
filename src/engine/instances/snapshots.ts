/** Taking, restoring and removing snapshots. The driver keeps the disks, the descriptor keeps the tree. */
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { SnapshotSupport } from "../drivers/driver.ts";
import type { WorkCtx } from "../operations.ts";
import type { SnapshotRecord } from "../store/record.ts";
import type { ActionInput, NewSnapshot } from "./actions.ts";
import { containerNow, dropUnnamed, standAsThen, unnamedNow } from "./container-snapshots.ts";
import { disksAfterRestore, disksNow } from "./disk-work.ts";
import { type Entry, nameOf } from "./entry.ts";
import { changedOutside, firstDisk } from "./generations.ts";
import type { Keeper } from "./keeper.ts";
import { surplusOf, withoutSnapshot, withSnapshot } from "./snapshot-tree.ts";

/** Throws `not-supported` where the driver keeps none. */
export function supportOf(keeper: Keeper, entry: Entry): SnapshotSupport {
  const driver = keeper.driverOf(entry);
  if (driver.snapshots) return driver.snapshots;
  const reason = `cannot snapshot ${nameOf(entry)}: the driver ${driver.name} keeps no snapshots`;
  throw new EngineError("not-supported", reason);
}

export async function takeSnapshot(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  wanted: NewSnapshot,
): Promise<void> {
  const support = supportOf(keeper, entry);
  const instance = await keeper.driverInstance(entry);
  ctx.progress({ phase: "snapshot" });
  try {
    await support.take(ctx, instance, wanted.id);
    ctx.signal.throwIfAborted();
  } catch (error) {
    if (!ctx.abandoned) await forget(keeper, entry, ctx, wanted.id);
    throw error;
  }
  const { cpus, memoryBytes, diskBytes, mounts } = entry.record.descriptor;
  const usedBytes = (await keeper.driverOf(entry).diskUsage(instance)) ?? 0;
  const createdAt = keeper.now().toISOString();
  const own = { cpus, memoryBytes, diskBytes, mounts, disks: disksNow(entry), usedBytes };
  const record = { ...wanted, createdAt, ...own, ...(await containerNow(keeper, entry, ctx)) };
  await keeper.describe(entry, withSnapshot(entry.record.descriptor, record));
}

/** Does what may go wrong, with what the instance is now in a snapshot where that was planned. */
export async function afterSnapshot(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { take }: Pick<ActionInput, "take">,
  work: () => Promise<void>,
): Promise<void> {
  if (take) await takeSnapshot(keeper, entry, ctx, take);
  await work();
  if (take?.before) await removeSurplus(keeper, entry, ctx);
}

/** Keeps the automatic ones from becoming ever more; what cannot be removed now has its turn with the next. */
export async function removeSurplus(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  try {
    for (const one of surplusOf(entry.record.descriptor)) await drop(keeper, entry, ctx, one);
  } catch (error) {
    ctx.log.warn("an old snapshot could not be removed", { instance: nameOf(entry), error });
  }
}

/** What a failed or cancelled one has left in the disk. */
async function forget(keeper: Keeper, entry: Entry, ctx: WorkCtx, id: string): Promise<void> {
  try {
    const instance = await keeper.driverInstance(entry);
    await supportOf(keeper, entry).remove({ ...ctx, signal: AbortSignal.timeout(UNDO_MS) }, instance, id);
  } catch (error) {
    ctx.log.warn("a half-taken snapshot could not be removed", { error });
  }
}

const UNDO_MS = 60_000;

/** With `input.take`, keeps what the instance is now before that is lost. */
export async function restoreSnapshot(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  const wanted = recordOf(entry, input);
  if (input.take) await takeSnapshot(keeper, entry, ctx, input.take);
  ctx.commit();
  ctx.progress({ phase: "restore" });
  await keeper.describe(entry, changedOutside(entry.record.descriptor, [firstDisk, ...wanted.disks]));
  const left = await unnamedNow(keeper, entry, ctx);
  await putBack(keeper, entry, ctx, wanted);
  const { cpus, memoryBytes, diskBytes, mounts, id } = wanted;
  const disks = disksAfterRestore(entry.record.descriptor.disks, wanted.disks, keeper.now().toISOString());
  await keeper.describe(entry, { cpus, memoryBytes, diskBytes, mounts, disks, currentSnapshot: id });
  await dropUnnamed(keeper, entry, ctx, left, entry.record.descriptor.snapshots);
  if (input.take?.before) await removeSurplus(keeper, entry, ctx);
}

/** Its disks, or its container, are what they were; it may be put back again. */
export async function putBack(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  { id, disks, container }: SnapshotRecord,
): Promise<void> {
  if (container) await standAsThen(keeper, entry, container);
  const instance = { ...(await keeper.driverInstance(entry)), disks };
  await supportOf(keeper, entry).restore(ctx, instance, id, container?.unnamed);
}

export async function removeSnapshot(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  ctx.commit();
  ctx.progress({ phase: "remove" });
  await drop(keeper, entry, ctx, recordOf(entry, input));
}

async function drop(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { id, disks, container }: SnapshotRecord,
): Promise<void> {
  const instance = { ...(await keeper.driverInstance(entry)), disks };
  await supportOf(keeper, entry).remove(ctx, instance, id);
  const others = entry.record.descriptor.snapshots.filter((one) => one.id !== id);
  if (container) await dropUnnamed(keeper, entry, ctx, container.unnamed, others);
  await keeper.describe(entry, withoutSnapshot(entry.record.descriptor, id));
}

export async function updateSnapshot(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  ctx.commit();
  const { id } = recordOf(entry, input);
  const { name, comment } = input.words ?? {};
  // Whoever cares for an automatic one has it as their own, and it stays.
  const change = ({ before: _, ...one }: SnapshotRecord): SnapshotRecord => ({
    ...one,
    name: name ?? one.name,
    comment: comment ?? one.comment,
  });
  const snapshots = entry.record.descriptor.snapshots.map((one) => (one.id === id ? change(one) : one));
  await keeper.describe(entry, { snapshots });
}

/** A removal that an engine died in has its record until its very end, so it is there. */
function recordOf(entry: Entry, input: ActionInput): SnapshotRecord {
  const found = entry.record.descriptor.snapshots.find((one) => one.id === input.snapshot);
  if (found) return found;
  throw new EngineError("not-found", `cannot find that snapshot of ${nameOf(entry)}: it is gone`);
}
