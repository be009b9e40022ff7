/**
 * Takes away what no backup needs. The order is what makes it safe wherever it ends: blobs that are still needed go into
 * new packs, an index names these, an index without the old packs takes the place of the old index, and only then are the
 * old packs removed. The exclusive lock keeps everybody else out meanwhile.
 */
import { setImmediate } from "node:timers/promises";
import { BlobReader } from "./blob-reader.ts";
import { damaged } from "./damage.ts";
import { wordsFor } from "./files.ts";
import { MAX_INDEX_BLOBS } from "./index-file.ts";
import { Marks } from "./marks.ts";
import { bytesInPack, PACK_FRAME_BYTES } from "./pack.ts";
import { ByPack, PACKS_AT_ONCE, type PackIndex } from "./pack-index.ts";
import { type PackUse, planPrune } from "./plan-prune.ts";
import { type IndexedPack, rowCount, rowsOf } from "./rows.ts";
import { loadSnapshots } from "./snapshots.ts";
import { Store, saveIndex } from "./store.ts";
import { Tasks } from "./tasks.ts";
import type { Work } from "./work.ts";

export type PruneResult = {
  removedPacks: number;
  repackedPacks: number;
  /** By how much the packs of the repository are smaller now. */
  freedBytes: number;
  /** What the packs hold that no backup needs, still. */
  unusedBytes: number;
};

export type PruneOptions = {
  /** How much may stay unused, as a share of what is needed; 0 takes all away that can be. */
  maxUnusedShare?: number;
};

export async function prune(work: Work, options: PruneOptions): Promise<PruneResult> {
  const { ctx, place } = work;
  await place.sweep(ctx);
  const pruning = await survey(work);
  const { index, sizes, uses } = pruning;
  const plan = planPrune(uses, options.maxUnusedShare);
  const listed = new Set(index.packs);
  const orphans = [...sizes.keys()].filter((name) => !listed.has(name));
  await removePacks(work, orphans);
  const old = [...index.files];
  const gone = new Set([...plan.remove, ...plan.repack]);
  const addedBytes = await repack(work, pruning, plan.repack);
  if (gone.size > 0 || index.packs.some((name) => !sizes.has(name))) {
    const kept = uses.map(({ pack }) => pack).filter((pack) => !gone.has(pack));
    await replaceIndex(work, pruning, kept, old);
    await removePacks(
      work,
      Array.from(gone, (pack) => index.packName(pack)),
    );
  }
  const goneUses = uses.filter(({ pack }) => gone.has(pack));
  return {
    removedPacks: plan.remove.length + orphans.length,
    repackedPacks: plan.repack.length,
    freedBytes:
      sum(goneUses, ({ sizeBytes }) => sizeBytes) + sum(orphans, (name) => sizes.get(name) ?? 0) - addedBytes,
    unusedBytes: sum(uses, (use) => (gone.has(use.pack) ? 0 : use.sizeBytes - use.usedBytes)),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** What there is, and what of it backups need. */
type Survey = {
  index: PackIndex;
  byPack: ByPack;
  marks: Marks;
  sizes: ReadonlyMap<string, number>;
  uses: PackUse[];
};

async function survey(work: Work): Promise<Survey> {
  const { ctx, place, crew } = work;
  // Snapshots before index, as for all reading: what a snapshot needs is in an index that was there before it.
  const { snapshots, unreadable } = await loadSnapshots(ctx, work.files);
  const [broken] = unreadable;
  if (broken) throw broken.error;
  const index = await work.loadIndex();
  const sizes = new Map<string, number>();
  for await (const { name, sizeBytes } of place.list(ctx, "data")) sizes.set(name, sizeBytes);
  const marks = new Marks(index, (pack) => sizes.has(index.packName(pack)), refuse);
  const reader = new BlobReader({ place, index, crew });
  for (const [done, { tree }] of snapshots.entries()) {
    ctx.progress({ phase: "mark", done, total: snapshots.length });
    await marks.tree(ctx, reader, tree);
  }
  const uses = await packUses(index, marks, sizes);
  return { index, byPack: await ByPack.of(index), marks, sizes, uses };
}

/** What a backup needs is missing: to go on would lose more. */
function refuse(file: string, problem: string): never {
  throw damaged(file, problem);
}

/** Of each pack that is there, how much of it is needed. One whose length is not what the index says is damaged. */
async function packUses(
  index: PackIndex,
  marks: Marks,
  sizes: ReadonlyMap<string, number>,
): Promise<PackUse[]> {
  const expected = new Float64Array(index.packs.length).fill(PACK_FRAME_BYTES);
  const used = new Float64Array(index.packs.length);
  for await (const { shard, count } of index.table.shards()) {
    for (let row = 0; row < count; row++) {
      const blob = index.table.at({ shard, row });
      const bytes = bytesInPack(blob);
      expected[blob.pack] = (expected[blob.pack] as number) + bytes;
      if (marks.has(shard, row)) used[blob.pack] = (used[blob.pack] as number) + bytes;
    }
  }
  return index.packs.flatMap((name, pack) => {
    const sizeBytes = sizes.get(name);
    if (sizeBytes === undefined) return [];
    const usedBytes = used[pack] as number;
    if (usedBytes > 0 && sizeBytes !== expected[pack])
      throw damaged(
        wordsFor({ kind: "data", name }),
        `it has ${sizeBytes} bytes and should have ${expected[pack]}`,
      );
    return [{ pack, sizeBytes, usedBytes: usedBytes > 0 ? usedBytes + PACK_FRAME_BYTES : 0 }];
  });
}

/** Takes over what is needed of these packs; how many bytes the new ones have. */
async function repack(
  work: Work,
  { index, byPack, marks }: Survey,
  packs: readonly number[],
): Promise<number> {
  const { ctx, place, crew } = work;
  if (packs.length === 0) return 0;
  const store = new Store(ctx, { place, index, crew });
  const tasks = new Tasks();
  for (const [done, pack] of packs.entries()) {
    ctx.progress({ phase: "repack", done, total: packs.length });
    await tasks.below(crew.size);
    const name = index.packName(pack);
    const needed = byPack.blobs(pack).filter(({ ref }) => marks.has(ref.shard, ref.row));
    tasks.add(
      place.load(ctx, { kind: "data", name }).then((bytes) => store.repack(name, bytes, rowsOf(needed))),
    );
  }
  await tasks.all();
  await store.finish();
  return store.added.packedBytes;
}

/** Index files of the kept packs, then without the old ones. Those that name new packs stay. */
async function replaceIndex(
  work: Work,
  { index, byPack }: Survey,
  kept: readonly number[],
  old: readonly string[],
): Promise<void> {
  const { ctx, place, crew } = work;
  await work.lock?.assertHeld(ctx);
  let packs: IndexedPack[] = [];
  let blobs = 0;
  const save = async () => {
    if (packs.length > 0) await saveIndex(ctx, place, crew, packs, [...old]);
    packs = [];
    blobs = 0;
  };
  for (const [at, pack] of kept.entries()) {
    if (at % PACKS_AT_ONCE === 0) await setImmediate();
    const rows = rowsOf(byPack.blobs(pack));
    packs.push({ name: index.packName(pack), rows });
    blobs += rowCount(rows);
    if (blobs >= MAX_INDEX_BLOBS) await save();
  }
  await save();
  for (const name of old) await place.remove(ctx, { kind: "index", name });
}

async function removePacks({ ctx, place }: Work, names: readonly string[]): Promise<void> {
  const tasks = new Tasks();
  for (const [done, name] of names.entries()) {
    ctx.progress({ phase: "remove", done, total: names.length });
    await tasks.below(place.connections);
    tasks.add(place.remove(ctx, { kind: "data", name }));
  }
  await tasks.all();
}
