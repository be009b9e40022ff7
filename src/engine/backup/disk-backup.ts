/**
 * Saves an instance's disks: a point in time of them, of which only what has changed since the last one is read where that
 * is known; then its definition.
 */
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverInstance } from "../drivers/driver.ts";
import type { OpenPoint, Point, PointDisk, PointRequest } from "../drivers/points.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Moment } from "../instances/lanes.ts";
import type { WorkCtx } from "../operations.ts";
import type { Descriptor } from "../store/record.ts";
import type { BackupInput } from "./backup-input.ts";
import { DEFINITION, definitionOf, diskPath, formatDefinition } from "./definition.ts";
import type { PointBook } from "./point-book.ts";
import { isDamage } from "./repository/damage.ts";
import { chunkRuns, type Extent } from "./repository/extents.ts";
import type { FileSource, SavedFile } from "./repository/file-saver.ts";
import { ID_BYTES, type IdList } from "./repository/ids.ts";
import { newNode } from "./repository/node.ts";
import type { Repository } from "./repository/repository.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { TreeBuilder } from "./repository/tree-builder.ts";
import type { BackupWriter } from "./repository/writer.ts";
import { readSmall, type SmallFile, smallPath } from "./small-files.ts";
import { factsOf, pathOfInstance, tagsOf } from "./tags.ts";

/** So often the disks' own notes are believed before all is read, and these are held against it. */
const BELIEVED_MOST = 10;

/** Ends what it took of the instance, however it went. */
export const CLOSE_MS = 60_000;

export type MachineSaving = {
  entry: Entry;
  input: BackupInput;
  moment: Moment;
  /** The backup in that repository of a point. */
  holds: (point: string) => Snapshot | undefined;
};

export async function saveMachine(
  { keeper, points }: { keeper: Keeper; points: PointBook },
  repository: Repository,
  ctx: WorkCtx,
  { entry, input, moment, holds }: MachineSaving,
): Promise<Snapshot> {
  const { id, repository: key } = input;
  const last = points.get(id, key);
  const parent = last && !input.full ? holds(last.point) : undefined;
  const request = {
    id: input.point,
    since: parent && last && { id: last.point, generations: last.generations },
    keep: points.others(id, key),
  };
  const believed = parent && last ? last.believed + 1 : 0;
  const isCompared = believed >= BELIEVED_MOST;
  const begin = () => beginSaving(keeper, entry, ctx, request);
  const snapshot = await save(repository, ctx, { input, parent, isCompared, begin, moment });
  points.note(id, key, { ...pointOf(snapshot), believed: isCompared ? 0 : believed });
  return snapshot;
}

function pointOf(snapshot: Snapshot) {
  const { point = "", generations = {} } = factsOf(snapshot) ?? {};
  return { point, generations, snapshot: snapshot.id };
}

/** What an instance was when its point began: it may become another while that is read. */
type Begun = {
  point: Point;
  descriptor: Descriptor;
  instance: DriverInstance;
  files: readonly SmallFile[];
  timeMs: number;
};

type Saving = {
  input: BackupInput;
  parent: Snapshot | undefined;
  /** All is read, and what the disks have noted is held against it. */
  isCompared: boolean;
  begin: () => Promise<Begun>;
  moment: Moment;
};

async function beginSaving(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  request: PointRequest,
): Promise<Begun> {
  ctx.signal.throwIfAborted();
  const open = pointsOf(keeper, entry);
  const instance = await keeper.driverInstance(entry);
  const files = keeper.driverOf(entry).points?.smallFiles(instance) ?? [];
  const { descriptor } = entry.record;
  const point = await open(ctx, instance, request);
  return { point, descriptor, instance, files, timeMs: keeper.now().getTime() };
}

/**
 * The repository is ready before the point begins, so that this lasts no longer than it must. The instance is held while it
 * begins and while it ends, and not in between.
 */
async function save(repository: Repository, ctx: WorkCtx, saving: Saving): Promise<Snapshot> {
  await using writer = await repository.backup(ctx);
  const begun = await saving.moment(saving.begin);
  let kept = false;
  try {
    const snapshot = await saveAll(writer, ctx, begun, saving);
    kept = true;
    return snapshot;
  } finally {
    await saving.moment(async () => {
      const { signal, done } = withDeadline(CLOSE_MS);
      await begun.point.close({ ...ctx, signal }, kept).finally(done);
    });
  }
}

type Put = (path: string, saved: Pick<SavedFile, "content" | "size">) => void;

async function saveAll(
  writer: BackupWriter,
  ctx: WorkCtx,
  { point: { consistency, disks }, descriptor, instance, files, timeMs }: Begun,
  saving: Saving,
): Promise<Snapshot> {
  const { input, parent } = saving;
  const tree = new TreeBuilder();
  const put: Put = (path, { content, size }) =>
    tree.put(path, { ...newNode("file", { timeMs }), content, size });
  put(DEFINITION, await writer.saveBytes(ctx, formatDefinition(definitionOf(descriptor, instance))));
  for (const small of files) {
    const bytes = await readSmall(small);
    if (bytes) put(smallPath(small), await writer.saveBytes(ctx, bytes));
  }
  await saveDisks(writer, ctx, disks, { ...saving, put });
  const { id, point, isProtected } = { ...input, id: instance.id };
  const generations = Object.fromEntries(disks.map((disk) => [disk.id, disk.generation]));
  return writer.commit(tree, {
    timeMs,
    paths: [pathOfInstance(descriptor.name)],
    tags: tagsOf({
      ...{ id, kind: "vm", project: descriptor.project },
      ...{ consistency, point, generations, isProtected },
    }),
    ...(parent ? { parent: parent.id } : {}),
  });
}

async function saveDisks(
  writer: BackupWriter,
  ctx: WorkCtx,
  disks: readonly PointDisk[],
  { parent, isCompared, put }: Pick<Saving, "parent" | "isCompared"> & { put: Put },
): Promise<void> {
  const total = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  for (const disk of disks) {
    const before = parent && disk.isIncrement ? await contentBefore(writer, ctx, parent, disk) : undefined;
    const own = within(ctx, done, total);
    const how = isCompared ? "whole" : before ? "increment" : "full";
    const saved = await writer.saveFile(own, sourceOf(disk, how), how === "increment" ? before : undefined);
    if (isCompared && before) await compare(ctx, disk, before, saved.content);
    put(diskPath(disk.id), saved);
    done += disk.sizeBytes;
  }
}

/** What cannot be read of the last backup is read from the disk. */
async function contentBefore(
  writer: BackupWriter,
  ctx: Ctx,
  parent: Snapshot,
  { id }: PointDisk,
): Promise<IdList | undefined> {
  try {
    return (await writer.node(ctx, parent, diskPath(id))).content;
  } catch (error) {
    const missing = error instanceof EngineError && error.code === "not-found";
    if (!missing && !isDamage(error)) throw error;
    return undefined;
  }
}

/** `increment`: what the disk tells nothing of is as it was. `full`: it is zeros. `whole`: all is read, whatever it tells. */
function sourceOf(disk: PointDisk, how: "increment" | "full" | "whole"): FileSource {
  const increment = how === "increment";
  // It tells changes alone, which are not enough without what was before.
  const told = increment || (how === "full" && !disk.isIncrement);
  return {
    sizeBytes: disk.sizeBytes,
    read: (ctx, offset, into) => disk.read(ctx, offset, into),
    ...(told ? { extents: (ctx) => wholly(disk, ctx, increment ? "same" : "zero") } : {}),
  };
}

/** The disk's own extents, and what is between them. */
async function* wholly(disk: PointDisk, ctx: Ctx, between: "same" | "zero"): AsyncGenerator<Extent> {
  let at = 0;
  const gap = (to: number): Extent[] =>
    to > at ? [{ offset: at, lengthBytes: to - at, kind: between }] : [];
  for await (const { offset, length, zero } of disk.extents(ctx)) {
    yield* gap(offset);
    yield { offset, lengthBytes: length, kind: zero ? "zero" : "data" };
    at = offset + length;
  }
  yield* gap(disk.sizeBytes);
}

/** What the disk has noted is held against what was read: it is not to be believed where anything is missing there. */
async function compare(ctx: WorkCtx, disk: PointDisk, before: IdList, now: IdList): Promise<void> {
  for await (const { first, count, kind } of chunkRuns(wholly(disk, ctx, "same"), disk.sizeBytes)) {
    if (kind !== "same") continue;
    const [from, to] = [first * ID_BYTES, (first + count) * ID_BYTES];
    if (Buffer.compare(before.subarray(from, to), now.subarray(from, to)) === 0) continue;
    ctx.log.error("a disk had changed where it had noted no change", { disk: disk.id, chunk: first, count });
    return ctx.warn(
      "The disk had changed where it had noted no change. This backup is right; those since the last full one may not be.",
    );
  }
}

/** Of several disks one after the other. */
function within(ctx: Ctx, before: number, total: number): Ctx {
  return {
    ...{ signal: ctx.signal, log: ctx.log },
    progress: ({ done = 0, ...more }) => ctx.progress({ ...more, done: before + done, total }),
  };
}

/** Throws `not-supported` where its disks cannot be read. */
export function pointsOf(keeper: Keeper, entry: Entry, verb = "back up"): OpenPoint {
  const { running } = entry;
  if (running?.openPoint) return running.openPoint;
  const driver = keeper.driverOf(entry);
  if (!running && driver.points)
    return (ctx, instance, request) => driver.points?.open(ctx, instance, request) as Promise<Point>;
  const reason = running
    ? "its disks cannot be read while it runs"
    : `the driver ${driver.name} has no disks to read`;
  throw new EngineError("not-supported", `cannot ${verb} ${nameOf(entry)}: ${reason}`);
}
