/** Delete, recover, purge. Only a purge removes anything, and only in a directory that has been put aside first. */
import { withDeadline } from "../../base/async.ts";
import type { Ctx } from "../ctx.ts";
import type { WorkCtx } from "../operations.ts";
import { hasImage } from "../store/record.ts";
import { ownVolumes } from "./container-snapshots.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { backToRest, end, reasonOf } from "./power.ts";
import { lookForMemory } from "./suspend.ts";

/** Stops it first; with `purge` its plug is pulled, because nothing of its disk will be kept. */
export async function moveToTrash(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  options: { purge: boolean },
): Promise<void> {
  try {
    await end(keeper, entry, ctx, options.purge ? "force" : "graceful");
    ctx.commit();
  } catch (error) {
    if (entry.record.descriptor.deletedAt === undefined) backToRest(keeper, entry, ctx);
    throw reasonOf(ctx, error);
  }
  if (options.purge) return remove(keeper, entry, ctx);
  const deletedAt = entry.record.descriptor.deletedAt ?? keeper.now().toISOString();
  await keeper.describe(entry, { deletedAt });
  keeper.update(entry, { state: "deleted", ready: false });
}

export async function takeOutOfTrash(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  ctx.commit();
  await keeper.describe(entry, { deletedAt: undefined });
  await lookForMemory(keeper, entry);
  keeper.update(entry, { state: entry.suspended ? "suspended" : "stopped" });
}

export async function purge(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  ctx.commit();
  await remove(keeper, entry, ctx);
}

/** Removes the instance for good. Every step may run again; the index row is the last to go before the bytes. */
export async function remove(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const { id } = entry.record.descriptor;
  ctx.progress({ phase: "remove" });
  if (await keeper.files.hasDirectory(id)) await freeFromDriver(keeper, entry, ctx);
  await forget(keeper, entry);
}

/** Removes what is ours of it. Every step may run again. */
export async function forget(keeper: Keeper, entry: Entry): Promise<void> {
  const { id } = entry.record.descriptor;
  await keeper.files.moveToTrash(id);
  keeper.store.dropInstance(id);
  keeper.removed(entry);
  await keeper.files.emptyTrash(id);
}

async function freeFromDriver(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  // Before it had an image, no driver was given it.
  if (!hasImage(entry.record.descriptor) && !entry.broken) return;
  const driver = keeper.driverOf(entry);
  const instance = await keeper.driverInstance(entry, { withoutKeys: true });
  if (!entry.broken) {
    await driver.delete(ctx, instance);
    const volumes = ownVolumes(entry.record.descriptor);
    if (volumes.length > 0) await driver.trees?.removeVolumes(ctx, instance, volumes);
    return;
  }
  // What a damaged directory says may be another instance's: only what proves to be this one's guest is ended.
  const login = await keeper.makeLogin(instance.login.user);
  const running = await driver.attach(ctx, { ...instance, login });
  if (!running) return;
  const port = running.ssh?.port;
  const others = keeper.entries().filter((other) => other !== entry && other.running !== undefined);
  // A directory that was copied by hand leads to the original's guest.
  if (others.some((other) => port !== undefined && other.running?.ssh?.port === port))
    return running.release();
  await running.stop(ctx, "force");
}

/** The end of a purge whose instance is out of sight already. */
export async function finishPurge(keeper: Keeper, id: string): Promise<void> {
  keeper.store.dropInstance(id);
  await keeper.files.emptyTrash(id);
}

const UNDO_MS = 60_000;

/** Takes back a launch whose guest holds nothing of the user's yet. Has a deadline of its own. */
export async function undoLaunch(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const deadline = withDeadline(UNDO_MS);
  try {
    await remove(keeper, entry, { ...ctx, signal: deadline.signal });
  } finally {
    deadline.done();
  }
}
