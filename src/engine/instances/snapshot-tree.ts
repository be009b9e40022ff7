/**
 * An instance's snapshots as a tree: who stands on whom. Pure. Each snapshot is whole by itself (see the driver's
 * `SnapshotSupport`), so the tree is history, not storage: removing one from the middle changes no other.
 */
import type { Snapshot, SnapshotOccasion } from "../../api/snapshot.ts";
import type { Descriptor, SnapshotRecord } from "../store/record.ts";

/** The part of a descriptor that is about snapshots. */
export type SnapshotTree = Pick<Descriptor, "snapshots" | "currentSnapshot" | "snapshotsTaken">;

export function findSnapshot(tree: SnapshotTree, name: string): SnapshotRecord | undefined {
  return tree.snapshots.find((one) => one.name === name);
}

/** `snapshotN` with the first number that was never used and is free. */
export function nextSnapshotName(tree: SnapshotTree): string {
  let count = tree.snapshotsTaken + 1;
  while (findSnapshot(tree, `snapshot${count}`)) count += 1;
  return `snapshot${count}`;
}

/** `before-resize-N`, after all that are called so: of these the oldest go, and the user's own keep their numbers. */
export function automaticName(
  { snapshots }: Pick<SnapshotTree, "snapshots">,
  before: SnapshotOccasion,
): string {
  const numbers = snapshots.map(({ name }) => Number(/^before-[a-z]+-(\d{1,9})$/.exec(name)?.[1] ?? 0));
  return `before-${before}-${Math.max(0, ...numbers) + 1}`;
}

const AUTOMATIC_KEPT = 10;

/** The automatic ones that have their turn to go, the oldest first; never the one that the instance stands on. */
export function surplusOf({ snapshots, currentSnapshot }: SnapshotTree): SnapshotRecord[] {
  const automatic = snapshots.filter(({ before }) => before !== undefined);
  const old = automatic.slice(0, Math.max(0, automatic.length - AUTOMATIC_KEPT));
  return old.filter(({ id }) => id !== currentSnapshot);
}

/** With one more, on top of the current one, and current itself; no change where it is in already. */
export function withSnapshot(tree: SnapshotTree, record: Omit<SnapshotRecord, "parent">): SnapshotTree {
  if (tree.snapshots.some((one) => one.id === record.id)) return tree;
  const parent = tree.currentSnapshot === undefined ? {} : { parent: tree.currentSnapshot };
  return {
    snapshots: [...tree.snapshots, { ...record, ...parent }],
    currentSnapshot: record.id,
    snapshotsTaken: tree.snapshotsTaken + (record.before === undefined ? 1 : 0),
  };
}

/** Without one: what stood on it stands on its parent now. No change where it is out already. */
export function withoutSnapshot(tree: SnapshotTree, id: string): SnapshotTree {
  const removed = tree.snapshots.find((one) => one.id === id);
  if (!removed) return tree;
  const heir = ({ parent, ...rest }: SnapshotRecord): SnapshotRecord => {
    if (parent !== id) return parent === undefined ? rest : { ...rest, parent };
    return removed.parent === undefined ? rest : { ...rest, parent: removed.parent };
  };
  return {
    snapshots: tree.snapshots.filter((one) => one !== removed).map(heir),
    currentSnapshot: tree.currentSnapshot === id ? removed.parent : tree.currentSnapshot,
    snapshotsTaken: tree.snapshotsTaken,
  };
}

export function toSnapshots(descriptor: Pick<Descriptor, "name"> & SnapshotTree): Snapshot[] {
  const { snapshots, currentSnapshot } = descriptor;
  const byId = new Map(snapshots.map((one) => [one.id, one]));
  return snapshots.map(({ parent, usedBytes, container: _, ...rest }) => {
    const below = parent === undefined ? undefined : byId.get(parent);
    return {
      ...rest,
      instance: descriptor.name,
      ...(below ? { parent: below.name } : {}),
      children: snapshots.filter((one) => one.parent === rest.id).map((one) => one.name),
      current: rest.id === currentSnapshot,
      sizeBytes: Math.max(0, usedBytes - (below?.usedBytes ?? 0)),
    };
  });
}
