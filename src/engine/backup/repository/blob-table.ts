/**
 * Where every piece of a repository lies: two million of them for a disk of 1 TiB.
 *
 * The rows lie in 256 shards by the first byte of the id, each with a table of its own that leads from an id to its rows:
 * none grows so much at once that others would notice.
 */
import { setImmediate } from "node:timers/promises";
import type { Blob, BlobType } from "./blob.ts";
import { blobAt, ID_WORDS, OFFSET, PACK, ROW_WORDS, type Rows, rowCount, typeAt } from "./rows.ts";

/** So many look-ups take some milliseconds. Whoever does more lets others have their turn in between. */
export const LOOKUPS_AT_ONCE = 1024;

const SHARDS = 256;
const PAGE_ROWS = 64;
const FIRST_SLOTS = 32;

/** Mixed into every hash, so that nobody can prepare ids that all lead to one place. */
const SEED = crypto.getRandomValues(new Uint32Array(1))[0] as number;

/** A row by its place: it stays the same as long as the table lives. */
export type RowRef = { shard: number; row: number };

export type FoundBlob = Blob & { pack: number; ref: RowRef };

export class BlobTable {
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());

  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.count, 0);
  }

  /** Adds the pieces of a pack; one that is known at that very place changes nothing. */
  add(rows: Rows, pack: number): void {
    for (let row = 0; row < rowCount(rows); row++) {
      const at = row * ROW_WORDS;
      (this.#shards[firstByte(rows, at)] as Shard).add(rows, at, pack);
    }
  }

  has(type: BlobType, id: Uint8Array): boolean {
    return this.#find(type, id).next().done !== true;
  }

  /** All places of a piece: mostly one. */
  *find(type: BlobType, id: Uint8Array): Generator<FoundBlob> {
    const shard = id[0] as number;
    for (const row of this.#find(type, id)) yield this.at({ shard, row });
  }

  /** The rows shard by shard, as they came. Others have their turn in between: millions of rows take a while. */
  async *shards(): AsyncGenerator<{ shard: number; count: number; packOf(row: number): number }> {
    for (const [number, shard] of this.#shards.entries()) {
      await setImmediate();
      yield { shard: number, count: shard.count, packOf: (row) => shard.word(row, PACK) };
    }
  }

  at(ref: RowRef): FoundBlob {
    const shard = this.#shards[ref.shard] as Shard;
    return { ...blobAt(shard.pageOf(ref.row), ref.row % PAGE_ROWS), pack: shard.word(ref.row, PACK), ref };
  }

  /** A byte for every row, all 0. Rows that are added later have none. */
  marks(): Uint8Array[] {
    return this.#shards.map((shard) => new Uint8Array(shard.count));
  }

  #find(type: BlobType, id: Uint8Array): Generator<number> {
    return (this.#shards[id[0] as number] as Shard).find(wordsOf(id), 0, type);
  }
}

/** The first byte of the id of a row, whatever the order of bytes in this machine's words. */
function firstByte(rows: Rows, at: number): number {
  return new Uint8Array(rows.buffer, rows.byteOffset + at * 4, 1)[0] as number;
}

function wordsOf(id: Uint8Array): Uint32Array {
  return id.byteOffset % 4 === 0
    ? new Uint32Array(id.buffer, id.byteOffset, ID_WORDS)
    : new Uint32Array(Uint8Array.from(id).buffer);
}

class Shard {
  count = 0;
  /** Rows lie in pages, so that more of them never have to be copied. */
  readonly #pages: Rows[] = [];
  /** Of each hash the number of its row and one, or 0; what meets another moves on to the next free place. */
  #slots = new Uint32Array(FIRST_SLOTS);

  add(from: Rows, at: number, pack: number): void {
    for (const row of this.find(from, at, typeAt(from, at / ROW_WORDS)))
      if (this.word(row, PACK) === pack && this.word(row, OFFSET) === from[at + OFFSET]) return;
    if (this.count % PAGE_ROWS === 0) this.#pages.push(new Uint32Array(PAGE_ROWS * ROW_WORDS));
    const page = this.pageOf(this.count);
    const start = (this.count % PAGE_ROWS) * ROW_WORDS;
    page.set(from.subarray(at, at + ROW_WORDS), start);
    page[start + PACK] = pack;
    this.count++;
    if (this.count * 4 > this.#slots.length * 3) this.#spread();
    else this.#place(this.count - 1);
  }

  *find(words: Uint32Array, at: number, type: BlobType): Generator<number> {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(words, at) & mask; ; slot = (slot + 1) & mask) {
      const taken = this.#slots[slot] as number;
      if (taken === 0) return;
      const row = taken - 1;
      if (this.#holds(row, words, at) && typeAt(this.pageOf(row), row % PAGE_ROWS) === type) yield row;
    }
  }

  pageOf(row: number): Rows {
    return this.#pages[Math.floor(row / PAGE_ROWS)] as Rows;
  }

  word(row: number, word: number): number {
    return this.pageOf(row)[(row % PAGE_ROWS) * ROW_WORDS + word] as number;
  }

  #holds(row: number, words: Uint32Array, at: number): boolean {
    const page = this.pageOf(row);
    const start = (row % PAGE_ROWS) * ROW_WORDS;
    for (let word = 0; word < ID_WORDS; word++) if (page[start + word] !== words[at + word]) return false;
    return true;
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.pageOf(row), (row % PAGE_ROWS) * ROW_WORDS) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #spread(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < this.count; row++) this.#place(row);
  }
}

function hashOf(words: Uint32Array, at: number): number {
  let mixed = SEED;
  for (let word = 0; word < 4; word++) mixed = Math.imul(mixed ^ (words[at + word] as number), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
