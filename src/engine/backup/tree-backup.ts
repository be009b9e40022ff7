/** Makes a backup of an instance that has trees of files and no disks. */
import { withDeadline } from "../../base/async.ts";
import type { Ctx } from "../ctx.ts";
import type { Consistency } from "../drivers/points.ts";
import type { OpenTrees, TreeSupport } from "../drivers/trees.ts";
import type { Entry } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Moment } from "../instances/lanes.ts";
import type { WorkCtx } from "../operations.ts";
import type { Descriptor } from "../store/record.ts";
import type { BackupInput } from "./backup-input.ts";
import { containerDefinitionOf, IMAGE, ROOT, VOLUMES } from "./container-definition.ts";
import { DEFINITION, formatDefinition } from "./definition.ts";
import { newNode } from "./repository/node.ts";
import type { Repository } from "./repository/repository.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { TreeBuilder } from "./repository/tree-builder.ts";
import type { BackupWriter } from "./repository/writer.ts";
import { pathOfInstance, tagsOf } from "./tags.ts";
import { saveTar, type TarTree } from "./trees/tree-of-tar.ts";

/** Lets it go on, however it went. */
const CLOSE_MS = 60_000;

export type TreeSaving = { entry: Entry; input: BackupInput; moment: Moment; trees: TreeSupport };

export async function saveTrees(
  keeper: Keeper,
  repository: Repository,
  ctx: WorkCtx,
  saving: TreeSaving,
): Promise<Snapshot> {
  await using writer = await repository.backup(ctx);
  const { descriptor, tree, timeMs, consistency } = await readTrees(keeper, writer, ctx, saving);
  const { id, point, isProtected } = saving.input;
  return await writer.commit(tree, {
    timeMs,
    paths: [pathOfInstance(descriptor.name)],
    tags: tagsOf({
      ...{ id, kind: "container", project: descriptor.project },
      ...{ consistency, point, generations: {}, isProtected },
    }),
  });
}

type ReadTrees = { descriptor: Descriptor; tree: TreeBuilder; timeMs: number; consistency: Consistency };

/** It goes on as soon as all is read. */
async function readTrees(
  keeper: Keeper,
  writer: BackupWriter,
  ctx: WorkCtx,
  { entry, moment, trees }: TreeSaving,
): Promise<ReadTrees> {
  const { descriptor, open } = await moment(async () => {
    ctx.signal.throwIfAborted();
    const instance = await keeper.driverInstance(entry);
    return { descriptor: entry.record.descriptor, open: await trees.open(ctx, instance) };
  });
  try {
    const doing = `back up ${descriptor.name}`;
    if (open.isLive) await readAhead(writer, ctx, open, doing);
    await moment(() => open.halt(ctx));
    const timeMs = keeper.now().getTime();
    const { read, ownerless } = await readAll(writer, ctx, open, doing);
    if (ownerless.length > 0) ctx.warn(ownerlessWords(ownerless));
    const consistency = await open.consistency(ctx);
    const tree = new TreeBuilder();
    const put = async (path: string, bytes: Uint8Array) => {
      const { content, size } = await writer.saveBytes(ctx, bytes);
      tree.put(path, { ...newNode("file", { timeMs }), content, size });
    };
    await put(DEFINITION, formatDefinition(containerDefinitionOf(descriptor, open)));
    await put(IMAGE, Buffer.from(`${JSON.stringify(open.image, null, 2)}\n`));
    for (const [path, files] of read) await files.into(tree, path);
    return { descriptor, tree, timeMs, consistency };
  } finally {
    await moment(async () => {
      const { signal, done } = withDeadline(CLOSE_MS);
      await letGo(entry, open, { ...ctx, signal }).finally(done);
    });
  }
}

function ownerlessWords(volumes: readonly string[]): string {
  return `Its runtime does not tell whose the files in volumes are: those in ${volumes.join(", ")} are root's in this backup.`;
}

/** Whoever waited for the end of this may use it at once. */
async function letGo(entry: Entry, open: OpenTrees, ctx: Ctx): Promise<void> {
  await open.close(ctx);
  await entry.running?.refresh?.(ctx);
}

/**
 * All of it is read once while it runs, so that most of it is in the repository when it is halted, which then takes no
 * longer than to read it. Files that change meanwhile may make that fail: the other time counts.
 */
async function readAhead(writer: BackupWriter, ctx: WorkCtx, open: OpenTrees, doing: string): Promise<void> {
  try {
    await readAll(writer, ctx, open, doing);
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log.debug("files changed while they were read ahead", { doing, error });
  }
}

/** Its trees, by where they lie in the backup, and the volumes whose owners are not known. */
async function readAll(
  writer: BackupWriter,
  ctx: WorkCtx,
  open: OpenTrees,
  doing: string,
): Promise<{ read: Map<string, TarTree>; ownerless: string[] }> {
  const read = new Map<string, TarTree>();
  const ownerless: string[] = [];
  let done = 0;
  const told = (bytes: number) => {
    done += bytes;
    ctx.progress({ phase: "backup", done });
  };
  const root = await open.root(ctx);
  read.set(ROOT, await saveTar(ctx, writer, { tar: root, deviceId: 1, doing, told }));
  for (const volume of open.volumes) {
    const path = `${VOLUMES}/${volume.name}`;
    if (read.has(path)) continue;
    const tar = await open.volume(ctx, volume);
    if (tar.isOwnerless) ownerless.push(volume.name);
    read.set(path, await saveTar(ctx, writer, { tar, deviceId: read.size + 1, doing, told }));
  }
  return { read, ownerless };
}
