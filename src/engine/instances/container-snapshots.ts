/**
 * What a snapshot of a container keeps beside its files: what it stood on, and which volumes it saw. What is in those is in
 * no snapshot; those without a name are there as long as the container or a snapshot has them.
 */
import type { Ctx } from "../ctx.ts";
import type { UnnamedVolume } from "../drivers/trees.ts";
import type { Descriptor, SnapshotRecord } from "../store/record.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

type Then = NonNullable<SnapshotRecord["container"]>;

/** Nothing of a machine. */
export async function containerNow(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
): Promise<Pick<SnapshotRecord, "container">> {
  const { image, container } = entry.record.descriptor;
  if (!container) return {};
  const unnamed = await unnamedNow(keeper, entry, ctx);
  return { container: { image, base: container.image, volumes: container.volumes, unnamed } };
}

export async function unnamedNow(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<UnnamedVolume[]> {
  const { trees } = keeper.driverOf(entry);
  if (!trees) return [];
  const volumes = await trees.volumes(ctx, await keeper.driverInstance(entry));
  return volumes.filter(({ isAnonymous }) => isAnonymous).map(({ name, target }) => ({ name, target }));
}

/** Its driver is told of what it stood on and saw then. */
export async function standAsThen(keeper: Keeper, entry: Entry, then: Then): Promise<void> {
  const { container } = entry.record.descriptor;
  const { image, base, volumes } = then;
  if (container) await keeper.describe(entry, { image, container: { ...container, image: base, volumes } });
}

/** Those of these that none of the snapshots has. Its container keeps its own. */
export async function dropUnnamed(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  left: readonly UnnamedVolume[],
  snapshots: readonly SnapshotRecord[],
): Promise<void> {
  const kept = new Set(unnamedIn(snapshots));
  const names = left.map(({ name }) => name).filter((name) => !kept.has(name));
  if (names.length > 0)
    await keeper.driverOf(entry).trees?.removeVolumes(ctx, await keeper.driverInstance(entry), names);
}

/** Volumes that go with the instance though its container may not see them. */
export function ownVolumes({ snapshots, container }: Pick<Descriptor, "snapshots" | "container">): string[] {
  const named = container?.ownVolumes ? (container.volumes ?? []) : [];
  return [...new Set([...unnamedIn(snapshots), ...named.map(({ name }) => name)])];
}

function unnamedIn(snapshots: readonly SnapshotRecord[]): string[] {
  return snapshots.flatMap(({ container }) => container?.unnamed ?? []).map(({ name }) => name);
}
