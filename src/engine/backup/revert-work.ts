/**
 * Makes a stopped instance's disks, or one of them, what they were in a backup of it; a container is made anew of it. What it is
 * now is kept in a snapshot first: it is gone back to where the restore fails, and by whoever thinks better of it.
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
import { putBack, removeSurplus, takeSnapshot } from "../instances/snapshots.ts";
import type { WorkCtx } from "../operations.ts";
import type { Descriptor } from "../store/record.ts";
import { type AnyDefinition, type Definition, disksOf } from "./definition.ts";
import { BackupDisks } from "./disk-blocks.ts";
import { snapshotOf } from "./find-backup.ts";
import type { RepositoryRecord } from "./repositories.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import type { StoredFile } from "./repository/stored-file.ts";
import { type RestoreParts, readDefinition } from "./restore-work.ts";
import { remakeContainer, StoredTrees } from "./tree-restore.ts";

/** What is journaled of a restore in place. */
export const RevertInput = z.object({
  /** Of the instance. */
  id: z.uuid(),
  action: z.literal("revert"),
  repository: z.uuid(),
  backup: z.string(),
  /** Id of the only disk that is wanted. */
  disk: z.string().optional(),
  take: NewSnapshot,
});
export type RevertInput = z.infer<typeof RevertInput>;

const UNDO_MS = 60_000;

/** Refuses what is of another kind than the instance. `doing` begins the message. Pure. */
export function planOf(
  definition: AnyDefinition,
  descriptor: Pick<Descriptor, "name" | "kind" | "diskBytes" | "disks">,
  disk: string | undefined,
  doing: string,
): string | undefined {
  const { kind, name } = descriptor;
  if (definition.kind !== kind)
    throw new EngineError(
      "not-supported",
      `cannot ${doing}: it is one of a ${definition.kind}, and ${name} is none`,
    );
  if (definition.kind === "vm") return planRevert(definition, descriptor, disk);
  if (disk === undefined) return undefined;
  throw new EngineError("invalid-argument", `cannot ${doing}: it is one of a container, which has no disks`, {
    hint: "Restore all of it: berth backup restore ID --in-place",
  });
}

/**
 * The id of the disk that is wanted, which is named by that or by its name. Refuses what would not fit before anything is
 * done. Pure.
 */
export function planRevert(
  definition: Definition,
  descriptor: Pick<Descriptor, "name" | "diskBytes" | "disks">,
  wanted: string | undefined,
): string | undefined {
  const stored = [{ id: FIRST_DISK, name: FIRST_DISK, sizeBytes: definition.diskBytes }, ...definition.disks];
  const disk =
    wanted === undefined
      ? undefined
      : (stored.find(({ id }) => id === wanted) ?? stored.find(({ name }) => name === wanted));
  if (wanted !== undefined && !disk) throw noDisk(wanted, stored);
  const present = descriptor.disks.filter(({ removedAt }) => removedAt === undefined);
  const sizes = new Map([{ id: FIRST_DISK, sizeBytes: descriptor.diskBytes }, ...present].map(sizeById));
  for (const { id, name, sizeBytes } of disk ? [disk] : stored) {
    const there = sizes.get(id);
    if (there !== undefined && there < sizeBytes) throw tooSmall(descriptor.name, name);
    if (there === undefined && disk) throw diskGone(descriptor.name, name);
  }
  return disk?.id;
}

const sizeById = ({ id, sizeBytes }: { id: string; sizeBytes: number }) => [id, sizeBytes] as const;

function noDisk(wanted: string, stored: readonly { name: string }[]): EngineError {
  return new EngineError("not-found", `cannot restore the disk ${wanted}: it is not in the backup`, {
    hint: `There are: ${stored.map(({ name }) => name).join(", ")}`,
  });
}

function diskGone(instance: string, name: string): EngineError {
  return new EngineError("not-found", `cannot restore ${instance}: it has no disk ${name} any more`, {
    hint: `Get it back first (berth disk recover ${instance} ${name}), or make a new instance of the backup.`,
  });
}

function tooSmall(instance: string, disk: string): EngineError {
  const reason = `its disk ${disk} is smaller than that of the backup`;
  return new EngineError("wrong-state", `cannot restore ${instance}: ${reason}`, {
    hint: "Enlarge it first, or restore to a new instance.",
  });
}

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
  await removeSurplus(keeper, entry, ctx);
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
    if (entry.record.descriptor.container)
      await remakeContainer(keeper, entry, ctx, new StoredTrees(reader, snapshot), input.take.id);
    else await overwriteAll(keeper, entry, ctx, { reader, snapshot, only: input.disk });
  });
  ctx.commit();
}

async function overwriteAll(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  { reader, snapshot, only }: { reader: BackupReader; snapshot: Snapshot; only: string | undefined },
): Promise<void> {
  const { points } = keeper.driverOf(entry);
  if (!points)
    throw new EngineError("not-supported", `cannot restore ${nameOf(entry)}: its driver has no disks`);
  const stored = new Set(disksOf(await readDefinition(ctx, reader, snapshot)));
  const instance = await keeper.driverInstance(entry);
  const present = [{ id: FIRST_DISK, sizeBytes: instance.diskBytes }, ...instance.disks];
  const both = present.filter(({ id }) => stored.has(id) && (only === undefined || only === id));
  const sizes = both.map(({ sizeBytes }) => sizeBytes);
  const disks = new BackupDisks(reader, snapshot, sizes);
  const files: { id: string; file: StoredFile }[] = [];
  for (const { id, sizeBytes } of both) {
    const file = await disks.open(ctx, id);
    if (file.sizeBytes > sizeBytes) throw tooSmall(nameOf(entry), id);
    files.push({ id, file });
  }
  await keeper.describe(entry, changedOutside(entry.record.descriptor, both));
  for (const { id, file } of files) await points.overwrite(ctx, instance, { id }, disks.blocks(ctx, file));
}

async function goBack(keeper: Keeper, entry: Entry, ctx: WorkCtx, id: string): Promise<void> {
  const { signal, done } = withDeadline(UNDO_MS);
  try {
    const kept = entry.record.descriptor.snapshots.find((one) => one.id === id);
    if (kept) await putBack(keeper, entry, { ...ctx, signal }, kept);
  } catch (error) {
    ctx.warn(`What ${nameOf(entry)} was is in its snapshot: restore that. ${toEngineError(error).message}`);
  } finally {
    done();
  }
}
