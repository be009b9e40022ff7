/**
 * Pieces as rows of numbers, for there are millions of them: in memory, and on their way between threads. A row is twelve
 * words: the id's eight, the number of the pack, offset, length (its top bit set for a tree's), and the length of what is
 * in it, 0 where that is not compressed.
 */
import type { Blob, BlobType } from "./blob.ts";
import { ID_BYTES } from "./ids.ts";

export const ROW_WORDS = 12;
export const ID_WORDS = 8;
export const PACK = 8;
export const OFFSET = 9;
export const LENGTH = 10;
export const PLAIN = 11;
export const TREE_BIT = 2 ** 31;

export type Rows = Uint32Array<ArrayBuffer>;

/** A pack by its name, and its pieces. */
export type IndexedPack = { name: string; rows: Rows };

export function rowsOf(blobs: readonly Blob[]): Rows {
  const rows = new Uint32Array(blobs.length * ROW_WORDS);
  for (const [row, blob] of blobs.entries()) writeRow(rows, row, blob);
  return rows;
}

export function writeRow(rows: Rows, row: number, blob: Blob): void {
  new Uint8Array(rows.buffer, rows.byteOffset + row * ROW_WORDS * 4, ID_BYTES).set(blob.id);
  writePlace(rows, row, blob);
}

/** All of a row but its id. */
export function writePlace(
  rows: Rows,
  row: number,
  { type, offset, length, plainBytes }: Omit<Blob, "id">,
): void {
  const at = row * ROW_WORDS;
  rows[at + OFFSET] = offset;
  rows[at + LENGTH] = length + (type === "tree" ? TREE_BIT : 0);
  rows[at + PLAIN] = plainBytes;
}

export function rowCount(rows: Rows): number {
  return rows.length / ROW_WORDS;
}

export function typeAt(rows: Rows, row: number): BlobType {
  return (rows[row * ROW_WORDS + LENGTH] as number) >= TREE_BIT ? "tree" : "data";
}

/** The id is a view into the rows. */
export function blobAt(rows: Rows, row: number): Blob {
  const at = row * ROW_WORDS;
  return {
    type: typeAt(rows, row),
    id: new Uint8Array(rows.buffer, rows.byteOffset + at * 4, ID_BYTES),
    offset: rows[at + OFFSET] as number,
    length: (rows[at + LENGTH] as number) % TREE_BIT,
    plainBytes: rows[at + PLAIN] as number,
  };
}

export function* blobsIn(rows: Rows): Generator<Blob> {
  for (let row = 0; row < rowCount(rows); row++) yield blobAt(rows, row);
}

/** Where the last of the blobs ends. */
export function endOf(rows: Rows): number {
  let end = 0;
  for (let at = 0; at < rows.length; at += ROW_WORDS)
    end = Math.max(end, (rows[at + OFFSET] as number) + ((rows[at + LENGTH] as number) % TREE_BIT));
  return end;
}
