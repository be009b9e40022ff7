/** Instances that come into being by work on a backup: that has them until its end, and an engine's death is no end. */
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Entry } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Resumable } from "../instances/lanes.ts";
import { entryOf, type LaunchInput, takeBack } from "../instances/launch.ts";
import type { InstanceManager } from "../instances/manager.ts";
import { reasonOf } from "../instances/power.ts";
import type { WorkCtx } from "../operations.ts";

export function making(
  { lanes }: Pick<InstanceManager, "lanes">,
  entry: Entry,
  work: (entry: Entry, ctx: WorkCtx) => Promise<void>,
): Resumable {
  return {
    work: lanes.inLane(entry, (ctx) => work(entry, ctx)),
    onAccepted: (operation) => lanes.take(entry, "restore-backup", operation),
  };
}

/** The instance that an earlier engine was making. */
export function madeOf(keeper: Keeper, launch: LaunchInput): Entry {
  const known = keeper.byId(launch.id);
  // It died before its descriptor was written: what the journal knows is all there is.
  if (known?.broken) keeper.removed(known);
  return known && !known.broken ? known : entryOf(launch);
}

/** From nothing to a stopped instance, or back to nothing: until it is whole there is none. `doing` completes `cannot …`. */
export async function makeWhole(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { doing, launch, make }: { doing: string; launch: LaunchInput; make: () => Promise<void> },
): Promise<void> {
  for (const warning of launch.warnings ?? []) ctx.warn(warning);
  try {
    // One that an engine died in may have come to its end but for the journal.
    if (!entry.record.descriptor.booted) await make();
    ctx.commit();
    await keeper.describe(entry, { booted: true });
    keeper.update(entry, { state: "stopped", problems: [] });
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), doing);
    await takeBack(keeper, entry, ctx, failure);
    throw failure;
  }
}

/** Of what is worth nothing after an engine has died in it. `doing` completes `cannot …`. */
export async function endMade(keeper: Keeper, entry: Entry, ctx: WorkCtx, doing: string): Promise<never> {
  const failure = new EngineError("engine-unavailable", `cannot ${doing}: the engine ended meanwhile`, {
    hint: "Try again.",
  });
  await takeBack(keeper, entry, ctx, failure);
  throw failure;
}
