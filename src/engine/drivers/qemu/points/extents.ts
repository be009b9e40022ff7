/** Where a disk's content is and what of it has changed, from what its server tells of both. Pure. */
import type { Extent } from "../../points.ts";
import type { Run } from "./nbd-wire.ts";

/** What of the disk is there, and what reads as zeros. */
export const ALLOCATION = "base:allocation";
const HOLE = 1;
const ZERO = 2;

/** What a bitmap has noted. */
export const dirtyContext = (bitmap: string): string => `qemu:dirty-bitmap:${bitmap}`;
const DIRTY = 1;

/**
 * The extents of what begins at `at` and is at most `length` long, as far as both tell of it; `covered` says how far that is.
 * Without `dirty` all that is not zero is one.
 */
export function extentsOf(
  { at, length }: { at: number; length: number },
  allocation: readonly Run[],
  dirty: readonly Run[] | undefined,
): { extents: Extent[]; covered: number } {
  const extents: Extent[] = [];
  let covered = 0;
  const changed = dirty ?? [{ length, flags: DIRTY }];
  for (const run of overlay(allocation, changed)) {
    const part = Math.min(run.length, length - covered);
    const zero = (run.first & ZERO) !== 0;
    const isWanted = dirty ? (run.second & DIRTY) !== 0 : !zero;
    const extent = { offset: at + covered, length: part, zero };
    if (isWanted && part > 0 && !joined(extents.at(-1), extent)) extents.push(extent);
    covered += part;
  }
  return { extents, covered };
}

/** What is there, where all that is allocated among the copies is not known to be zero. */
export function withCopies(allocation: readonly Run[], copies: readonly Run[]): Run[] {
  return Array.from(overlay(allocation, copies), ({ length, first, second }) => ({
    ...{ length, flags: (second & HOLE) === 0 ? 0 : first },
  }));
}

/** Lengthens the last one where the next goes on with it; false where it does not. */
export function joined(last: Extent | undefined, next: Extent): boolean {
  if (last?.zero !== next.zero || last.offset + last.length !== next.offset) return false;
  last.length += next.length;
  return true;
}

type Overlaid = { length: number; first: number; second: number };

/** Two lists of runs as one, as far as both go. */
function* overlay(first: readonly Run[], second: readonly Run[]): Generator<Overlaid> {
  let at = 0;
  let used = 0;
  for (const run of first) {
    for (let left = run.length; left > 0; ) {
      const other = second[at];
      if (!other) return;
      const length = Math.min(left, other.length - used);
      yield { length, first: run.flags, second: other.flags };
      left -= length;
      used += length;
      if (used === other.length) [at, used] = [at + 1, 0];
    }
  }
}
