/** Where a disk holds something, and how a tar tells that: GNU tar's sparse format 1.0, which bsdtar reads, too. Pure. */
import type { Extent } from "../../drivers/points.ts";
import { damagedFile } from "./layout.ts";

export type Segment = { offset: number; length: number };

/** Zeros shorter than this are sent: an entry in the map takes almost as much. */
const NARROWEST_GAP = 64 * 2 ** 10;
/** However scattered a disk is, its map stays small. */
export const MOST_SEGMENTS = 2 ** 18;
const BLOCK = 512;

/** Of what is not zero, at most so many, in order; where there would be more, ever longer zeros are taken along. */
export async function segmentsOf(
  extents: AsyncIterable<Extent>,
  most = MOST_SEGMENTS,
): Promise<readonly Segment[]> {
  let gap = NARROWEST_GAP;
  let segments: Segment[] = [];
  for await (const { offset, length, zero } of extents) {
    if (zero) continue;
    append(segments, { offset, length }, gap);
    while (segments.length > most) {
      gap *= 2;
      segments = segments.reduce<Segment[]>((wider, one) => append(wider, one, gap), []);
    }
  }
  return segments;
}

function append(segments: Segment[], { offset, length }: Segment, gap: number): Segment[] {
  const last = segments.at(-1);
  if (last && offset - (last.offset + last.length) < gap) last.length = offset + length - last.offset;
  else segments.push({ offset, length });
  return segments;
}

/** How many there are, then where each begins and how long it is; the last one, of no length, is the disk's end. */
export function formatMap(segments: readonly Segment[], sizeBytes: number): Buffer {
  const all = [...segments, { offset: sizeBytes, length: 0 }];
  const text = `${all.length}\n${all.map(({ offset, length }) => `${offset}\n${length}\n`).join("")}`;
  const map = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK);
  map.write(text, "latin1");
  return map;
}

/** Reads a map from the beginning of an entry. What follows are the segments' bytes, and no more: `storedBytes` tells. */
export async function readMap(
  read: (bytes: number) => Promise<Buffer>,
  { sizeBytes, storedBytes }: { sizeBytes: number; storedBytes: number },
): Promise<readonly Segment[]> {
  const numbers: number[] = [];
  let rest = "";
  let mapBytes = 0;
  for (let wanted = 1; numbers.length < wanted; ) {
    rest += (await read(BLOCK)).toString("latin1");
    mapBytes += BLOCK;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (numbers.length === wanted) break;
      const number = numberOf(line);
      if (numbers.length === 0) wanted = 1 + 2 * checkedCount(number);
      numbers.push(number);
    }
    if (rest.length > BLOCK && numbers.length < wanted) throw damagedFile("a map of a disk has no lines");
  }
  const segments = paired(numbers.slice(1));
  checkSegments(segments, sizeBytes, storedBytes - mapBytes);
  return segments;
}

function checkedCount(count: number): number {
  if (count <= MOST_SEGMENTS + 1) return count;
  throw damagedFile(`a map of a disk tells of ${count} parts`);
}

function numberOf(line: string): number {
  if (/^\d{1,15}$/.test(line)) return Number(line);
  throw damagedFile("a map of a disk is not of numbers");
}

function paired(numbers: readonly number[]): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2)
    segments.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  return segments;
}

/** In order, apart from each other, inside the disk, and as long together as what is there. */
function checkSegments(segments: readonly Segment[], sizeBytes: number, dataBytes: number): void {
  let at = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (offset < at || offset + length > sizeBytes) throw damagedFile("a part of a disk is not in its place");
    at = offset + length;
    sum += length;
  }
  if (sum !== dataBytes) throw damagedFile("the parts of a disk are not as long as what is there of them");
}

/** A segment in pieces of at most so many bytes. */
export function* piecesOf(segments: readonly Segment[], most: number): Generator<Segment> {
  for (const { offset, length } of segments) {
    for (let at = 0; at < length; at += most)
      yield { offset: offset + at, length: Math.min(most, length - at) };
  }
}
