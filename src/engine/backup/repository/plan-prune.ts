/** Which packs a prune takes away, and which it makes anew from what is still needed of them. Pure. */

export type PackUse = {
  pack: number;
  sizeBytes: number;
  /** Of its bytes, those of blobs that a backup needs. */
  usedBytes: number;
};

export type PrunePlan = { remove: number[]; repack: number[] };

/** Of what is needed, so much may lie unused in packs: making them anew is not worth it. Restic allows as much. */
const MAX_UNUSED_SHARE = 0.05;

/** Packs of less, if there are some of them, are made into larger ones: many backups would leave many. */
const SMALL_BYTES = 4 * 1024 * 1024;
const MIN_SMALL = 10;

export function planPrune(packs: readonly PackUse[], maxUnusedShare = MAX_UNUSED_SHARE): PrunePlan {
  const remove = packs.filter(({ usedBytes }) => usedBytes === 0);
  const used = packs.filter(({ usedBytes }) => usedBytes > 0);
  const small = used.filter(({ sizeBytes }) => sizeBytes < SMALL_BYTES);
  const repack = new Set(small.length >= MIN_SMALL ? small : []);
  const allowed = maxUnusedShare * used.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  let unused = used.reduce((sum, pack) => sum + (repack.has(pack) ? 0 : unusedOf(pack)), 0);
  for (const pack of [...used].sort((a, b) => unusedOf(b) / b.sizeBytes - unusedOf(a) / a.sizeBytes)) {
    if (unused <= allowed) break;
    if (repack.has(pack)) continue;
    repack.add(pack);
    unused -= unusedOf(pack);
  }
  return { remove: remove.map(({ pack }) => pack), repack: [...repack].map(({ pack }) => pack) };
}

function unusedOf({ sizeBytes, usedBytes }: PackUse): number {
  return sizeBytes - usedBytes;
}
