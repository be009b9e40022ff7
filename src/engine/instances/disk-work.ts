/**
 * What is done to extra disks. A disk that is removed stays in the descriptor, with its file: only a purge deletes, and
 * never what a snapshot holds. Each step may run again after an engine died in its middle.
 */
import * as z from "zod";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { diskUse } from "../guest/disk-use.ts";
import { copyDisk } from "../images/disk-source.ts";
import type { WorkCtx } from "../operations.ts";
import { DiskRecord } from "../store/record.ts";
import type { ActionInput } from "./actions.ts";
import { present, supportOf } from "./disks.ts";
import { type Entry, nameOf } from "./entry.ts";
import { changedOutside } from "./generations.ts";
import type { Keeper } from "./keeper.ts";

/** A disk with what it begins with. */
export const PlannedDisk = DiskRecord.extend({
  source: z.object({ file: z.string(), kind: z.enum(["qcow2", "raw"]), virtualBytes: z.int() }).optional(),
});
export type PlannedDisk = z.infer<typeof PlannedDisk>;

export function recordOf({ source: _source, ...record }: PlannedDisk): DiskRecord {
  return record;
}

/** Makes the file of a disk; no effect where it is there. */
export async function createDisk(keeper: Keeper, entry: Entry, ctx: Ctx, disk: PlannedDisk): Promise<void> {
  const { source } = disk;
  const instance = await keeper.driverInstance(entry, { withoutKeys: true });
  const fill = source && ((file: string) => copyDisk(ctx, source, file));
  await supportOf(keeper, entry).create(ctx, instance, disk, fill);
}

export async function addDisk(keeper: Keeper, entry: Entry, ctx: WorkCtx, input: ActionInput): Promise<void> {
  const disk = required(input);
  const isKnown = () => entry.record.descriptor.disks.some(({ id }) => id === disk.id);
  if (isKnown()) return;
  ctx.progress({ phase: "create" });
  try {
    await createDisk(keeper, entry, ctx, disk);
    await plug(entry, ctx, disk);
    ctx.commit();
  } catch (error) {
    if (!ctx.abandoned) await forget(keeper, entry, ctx, disk);
    throw error;
  }
  await keeper.describe(entry, { disks: [...entry.record.descriptor.disks, recordOf(disk)] });
}

/** Into the running guest, where its hardware allows. */
async function plug(entry: Entry, ctx: WorkCtx, disk: PlannedDisk): Promise<void> {
  const { running } = entry;
  if (!running) return;
  if (running.disks) return running.disks.attach(ctx, disk);
  ctx.warn(`${nameOf(entry)} has the disk ${disk.name} from its next start on`);
}

const UNDO_MS = 60_000;

async function forget(keeper: Keeper, entry: Entry, ctx: WorkCtx, disk: PlannedDisk): Promise<void> {
  const undo = { ...ctx, signal: AbortSignal.timeout(UNDO_MS) };
  try {
    await entry.running?.disks?.detach(undo, disk);
    const instance = await keeper.driverInstance(entry, { withoutKeys: true });
    await supportOf(keeper, entry).remove(undo, instance, disk);
  } catch (error) {
    ctx.log.warn("what was left of a disk could not be removed", { instance: nameOf(entry), error });
  }
}

/** The file first: one that is larger than the descriptor says does no harm. */
export async function resizeDisk(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  const disk = required(input);
  ctx.commit();
  ctx.progress({ phase: "resize" });
  const { running } = entry;
  if (running && !running.disks) throw fixed(entry, "resize", disk);
  await keeper.describe(entry, changedOutside(entry.record.descriptor, [disk]));
  if (running?.disks) await running.disks.resize(ctx, disk, disk.sizeBytes);
  else {
    const instance = await keeper.driverInstance(entry, { withoutKeys: true });
    await supportOf(keeper, entry).resize(ctx, instance, disk, disk.sizeBytes);
  }
  await change(keeper, entry, { ...disk, sizeBytes: disk.sizeBytes });
}

export async function removeDisk(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  const disk = required(input);
  await unplug(entry, ctx, disk, input.force ?? false);
  ctx.commit();
  await change(keeper, entry, { ...disk, removedAt: keeper.now().toISOString() });
}

async function unplug(entry: Entry, ctx: WorkCtx, disk: PlannedDisk, force: boolean): Promise<void> {
  const { running } = entry;
  if (!running) return;
  if (!running.disks) throw fixed(entry, "remove", disk);
  if (!force) {
    const use = await diskUse(running.guest, disk.name, ctx.signal).catch((error: unknown) => {
      ctx.signal.throwIfAborted();
      return toEngineError(error).message;
    });
    if (use !== undefined) {
      const reason = `cannot remove ${nameOf(entry)}.${disk.name}: ${use}`;
      throw new EngineError("busy", reason, {
        hint: "Unmount it in the guest first, or stop the instance. With --force it is pulled out as it is.",
      });
    }
  }
  ctx.progress({ phase: "remove" });
  await running.disks.detach(ctx, disk);
}

export async function recoverDisk(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  const { removedAt: _removedAt, ...disk } = required(input);
  await plug(entry, ctx, disk);
  ctx.commit();
  await change(keeper, entry, disk);
}

/** Out of the descriptor before the file goes: a crash in between leaves a file that nobody needs, not a lie. */
export async function purgeDisk(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ActionInput,
): Promise<void> {
  const disk = required(input);
  ctx.commit();
  const disks = entry.record.descriptor.disks.filter(({ id }) => id !== disk.id);
  await keeper.describe(entry, { disks });
  const instance = await keeper.driverInstance(entry, { withoutKeys: true });
  await supportOf(keeper, entry).remove(ctx, instance, disk);
}

async function change(keeper: Keeper, entry: Entry, disk: PlannedDisk): Promise<void> {
  const disks = entry.record.descriptor.disks.map((one) => (one.id === disk.id ? recordOf(disk) : one));
  await keeper.describe(entry, { disks });
}

/** Of an instance that is made what it was: the snapshot's disks, and those it has now as removed ones. */
export function disksAfterRestore(
  now: readonly DiskRecord[],
  then: readonly DiskRecord[],
  at: string,
): DiskRecord[] {
  const kept = now.filter(({ id }) => then.every((one) => one.id !== id));
  return [...then, ...kept.map((one) => ({ ...one, removedAt: one.removedAt ?? at }))];
}

/** What a snapshot holds beside the first disk. */
export function disksNow(entry: Entry): DiskRecord[] {
  return present(entry.record.descriptor.disks);
}

function fixed(entry: Entry, verb: string, { name }: PlannedDisk): EngineError {
  const reason = `cannot ${verb} ${nameOf(entry)}.${name}: its guest's hardware is fixed while it runs`;
  return new EngineError("wrong-state", reason, { hint: "Stop it first." });
}

/** A journal entry of a later Berth, or a damaged one, may lack it. */
function required({ disk }: ActionInput): PlannedDisk {
  if (disk) return disk;
  throw new EngineError("internal", "cannot go on: the journal entry is incomplete");
}
