/** The tree of snapshots under any sequence of takes, restores and removals. */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  automaticName,
  findSnapshot,
  nextSnapshotName,
  type SnapshotTree,
  surplusOf,
  toSnapshots,
  withoutSnapshot,
  withSnapshot,
} from "../../../../src/engine/instances/snapshot-tree.ts";

const EMPTY: SnapshotTree = { snapshots: [], snapshotsTaken: 0 };

function taken(
  tree: SnapshotTree,
  name = nextSnapshotName(tree),
  usedBytes = 0,
  before?: "resize" | "restore",
): SnapshotTree {
  const own = { id: randomUUID(), name, comment: "", createdAt: "2026-11-23T00:00:00.000Z", before };
  return withSnapshot(tree, {
    ...own,
    cpus: 1,
    memoryBytes: 1,
    diskBytes: 1,
    mounts: [],
    disks: [],
    usedBytes,
  });
}

/** With one that was taken by itself. */
function takenBefore(tree: SnapshotTree, before: "resize" | "restore"): SnapshotTree {
  return taken(tree, automaticName(tree, before), 0, before);
}

function idOf(tree: SnapshotTree, name: string): string {
  return findSnapshot(tree, name)?.id ?? "";
}

const shown = (tree: SnapshotTree) =>
  toSnapshots({ name: "web", ...tree }).map(({ name, parent, children }) => [name, parent, children]);

test("each stands on the last one taken or restored", () => {
  let tree = taken(taken(EMPTY));
  tree = { ...tree, currentSnapshot: idOf(tree, "snapshot1") };
  tree = taken(tree);
  expect(shown(tree)).toEqual([
    ["snapshot1", undefined, ["snapshot2", "snapshot3"]],
    ["snapshot2", "snapshot1", []],
    ["snapshot3", "snapshot1", []],
  ]);
});

test("what stood on a removed one stands on its parent; so does the instance", () => {
  let tree = taken(taken(taken(EMPTY)));
  tree = withoutSnapshot(tree, idOf(tree, "snapshot2"));
  expect(shown(tree)).toEqual([
    ["snapshot1", undefined, ["snapshot3"]],
    ["snapshot3", "snapshot1", []],
  ]);
  tree = withoutSnapshot(tree, idOf(tree, "snapshot3"));
  expect(tree.currentSnapshot).toBe(idOf(tree, "snapshot1"));
});

test("a default name is never given twice, and never a taken one", () => {
  let tree = taken(taken(EMPTY));
  tree = withoutSnapshot(tree, idOf(tree, "snapshot2"));
  expect(nextSnapshotName(tree)).toBe("snapshot3");
  expect(nextSnapshotName(taken(EMPTY, "snapshot2"))).toBe("snapshot3");
});

test("automatic ones say in their name what they were taken before, and in lists that they are", () => {
  const tree = takenBefore(takenBefore(taken(EMPTY), "resize"), "restore");
  expect(toSnapshots({ name: "web", ...tree }).map(({ name, before }) => [name, before])).toEqual([
    ["snapshot1", undefined],
    ["before-resize-1", "resize"],
    ["before-restore-2", "restore"],
  ]);
  expect(nextSnapshotName(tree)).toBe("snapshot2");
  expect(automaticName(withoutSnapshot(tree, idOf(tree, "before-resize-1")), "resize")).toBe(
    "before-resize-3",
  );
});

test("ten automatic ones stay, whatever the user has taken, and the one that is stood on", () => {
  let tree = taken(EMPTY, "mine");
  for (let n = 0; n < 12; n += 1) tree = takenBefore(tree, "resize");
  const names = (of: SnapshotTree) => surplusOf(of).map(({ name }) => name);
  expect(names(tree)).toEqual(["before-resize-1", "before-resize-2"]);
  expect(names({ ...tree, currentSnapshot: idOf(tree, "before-resize-1") })).toEqual(["before-resize-2"]);
  for (const { id } of surplusOf(tree)) tree = withoutSnapshot(tree, id);
  expect(names(tree)).toEqual([]);
  expect(tree.snapshots.map(({ name }) => name)).toContain("mine");
});

test("repeating a step changes nothing", () => {
  const tree = taken(EMPTY);
  const [record] = tree.snapshots;
  if (!record) throw new Error("none");
  expect(withSnapshot(tree, record)).toBe(tree);
  const empty = withoutSnapshot(tree, record.id);
  expect(withoutSnapshot(empty, record.id)).toBe(empty);
});

test("a size is what came on top of the parent", () => {
  const tree = taken(taken(EMPTY, "a", 100), "b", 250);
  expect(toSnapshots({ name: "web", ...tree }).map((one) => one.sizeBytes)).toEqual([100, 150]);
});

test("any sequence leaves a tree: every parent is there, none stands above itself", () => {
  const step = fc.record({ what: fc.constantFrom("take", "restore", "remove"), at: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let tree = EMPTY;
      for (const { what, at } of steps) {
        const one = tree.snapshots[at % Math.max(1, tree.snapshots.length)];
        if (what === "take") tree = taken(tree);
        else if (one && what === "restore") tree = { ...tree, currentSnapshot: one.id };
        else if (one) tree = withoutSnapshot(tree, one.id);
      }
      const byId = new Map(tree.snapshots.map((one) => [one.id, one]));
      if (tree.currentSnapshot !== undefined) expect(byId.has(tree.currentSnapshot)).toBe(true);
      for (const one of tree.snapshots) {
        let above = 0;
        for (let at = one.parent; at !== undefined; at = byId.get(at)?.parent) {
          expect(byId.has(at)).toBe(true);
          above += 1;
          expect(above).toBeLessThanOrEqual(tree.snapshots.length);
        }
      }
      expect(new Set(tree.snapshots.map((one) => one.name)).size).toBe(tree.snapshots.length);
    }),
  );
});
