/**
 * Proves that a backup can be restored: an instance is made of it that reaches nothing beyond itself, its disks or its files
 * are held against the backup's sums, it is booted until it is ready, and it goes again, whatever came of it.
 */
import * as z from "zod";
import type { LaunchSpec } from "../../api/instance.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { PointDisk } from "../drivers/points.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import { LaunchInput, takeBack } from "../instances/launch.ts";
import { pullPlug, reasonOf, start } from "../instances/power.ts";
import { undoLaunch } from "../instances/trash.ts";
import type { WorkCtx } from "../operations.ts";
import { differenceOf } from "./compare-disk.ts";
import { differenceOfTrees } from "./compare-trees.ts";
import { type AnyDefinition, diskPath, disksOf } from "./definition.ts";
import { snapshotOf } from "./find-backup.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Repository } from "./repository/repository.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { makeOf, type RestoreParts, readDefinition, specOf } from "./restore-work.ts";
import { withDrill } from "./tags.ts";
import { makeContainer, StoredTrees } from "./tree-restore.ts";

/** What is journaled of a drill. */
export const DrillInput = z.object({
  /** Of the instance that is made for it. */
  id: z.uuid(),
  action: z.literal("drill-backup"),
  repository: z.uuid(),
  backup: z.string(),
  launch: LaunchInput,
});
export type DrillInput = z.infer<typeof DrillInput>;

/** Ends what it took of the instance, however it went. */
const CLOSE_MS = 60_000;

/** The same instance, which nobody in any network takes for the one that was backed up. Pure. */
export function drillSpec(definition: AnyDefinition, backup: string): LaunchSpec {
  const { container, ...spec } = specOf(definition, `drill-${backup.slice(0, 8)}`);
  return {
    ...spec,
    // What ends by itself shall not begin again.
    ...(container ? { container: { ...container, restart: "no" } } : {}),
    network: "isolated",
    labels: { purpose: "proves that a backup can be restored" },
  };
}

export async function drill(
  parts: RestoreParts,
  entry: Entry,
  ctx: WorkCtx,
  input: DrillInput,
): Promise<void> {
  const { keeper, repositories } = parts;
  const doing = `prove the backup ${input.backup.slice(0, 8)}`;
  let proven = "";
  try {
    const record = repositories.byKey(input.repository);
    if (!record) throw new EngineError("not-found", `cannot ${doing}: its repository is no longer known`);
    ctx.progress({ phase: "open" });
    await repositories.use(ctx, record, async (repository) => {
      const snapshot = await snapshotOf(ctx, repository, input.backup, doing);
      await restoreAndCompare(keeper, entry, ctx, { repository, snapshot, doing });
      await keeper.describe(entry, { booted: true });
      await startOnce(keeper, entry, ctx);
      ctx.commit();
      const { id } = await repository.retag(ctx, snapshot.id, withDrill(snapshot.tags, keeper.now()));
      repositories.changed();
      proven = id.slice(0, 8);
    });
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), doing);
    await takeBack(keeper, entry, ctx, failure);
    throw failure;
  }
  await pullPlug(keeper, entry, ctx);
  await undoLaunch(keeper, entry, ctx);
  // Whatever is written beside a backup gives it another id.
  ctx.progress({ phase: "remove", message: proven });
}

/** An application may have done all it was for, or lack what no backup holds, as its environment: that is told. */
async function startOnce(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  const isApplication = entry.record.descriptor.container?.shape === "application";
  let why = "";
  try {
    await start(keeper, entry, ctx);
  } catch (error) {
    const { code, message } = toEngineError(error);
    if (!isApplication || entry.running || ctx.signal.aborted || code !== "guest-unreachable") throw error;
    why = `: ${message}`;
  }
  if (!entry.running) ctx.warn(`It was started, and ended by itself${why}`);
}

type Drilled = { repository: Repository; snapshot: Snapshot; doing: string };
type Proven = { reader: BackupReader; snapshot: Snapshot; doing: string };

async function restoreAndCompare(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { repository, snapshot, doing }: Drilled,
): Promise<void> {
  await using reader = await repository.read(ctx);
  if (entry.record.descriptor.container)
    await proveContainer(keeper, entry, ctx, { trees: new StoredTrees(reader, snapshot), doing });
  else await proveMachine(keeper, entry, ctx, { reader, snapshot, doing });
  ctx.log.info("what was restored is what was backed up", { instance: nameOf(entry) });
}

async function proveContainer(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { trees, doing }: { trees: StoredTrees; doing: string },
): Promise<void> {
  await makeContainer(keeper, entry, ctx, trees, { ownVolumes: true });
  const at = await differenceOfTrees(keeper, entry, ctx, trees, doing);
  if (at !== undefined) throw another(doing, at);
}

async function proveMachine(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  { reader, snapshot, doing }: Proven,
): Promise<void> {
  await makeOf(keeper, entry, ctx, reader, snapshot);
  const instance = await keeper.driverInstance(entry);
  const { points } = keeper.driverOf(entry);
  if (!points) throw new EngineError("not-supported", `cannot ${doing}: its driver has no disks`);
  const point = await points.open(ctx, instance, { id: "drill", keep: [] });
  try {
    const stored = disksOf(await readDefinition(ctx, reader, snapshot));
    for (const [index, disk] of point.disks.entries())
      await compare(ctx, { reader, snapshot, doing }, disk, stored[index] ?? "");
  } finally {
    const { signal, done } = withDeadline(CLOSE_MS);
    await point.close({ ...ctx, signal }, false).finally(done);
  }
}

async function compare(
  ctx: Ctx,
  { reader, snapshot, doing }: Proven,
  disk: PointDisk,
  stored: string,
): Promise<void> {
  const file = await reader.open(ctx, await reader.node(ctx, snapshot, diskPath(stored)));
  const tell = (done: number) => ctx.progress({ phase: "compare", done, total: file.sizeBytes });
  const at = await differenceOf(ctx, disk, file, tell);
  if (at === undefined) return;
  throw another(doing, `its disk ${stored} is another from byte ${at} on`);
}

function another(doing: string, what: string): EngineError {
  return new EngineError("driver-failed", `cannot ${doing}: ${what} when it is restored`, {
    hint: "Look at what lies in the repository: berth backup verify ID. Then look at this host's disk.",
  });
}
