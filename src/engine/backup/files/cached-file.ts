/** A file of a backup, read in any order: a piece is opened as a whole, so the last ones stay in memory. Who reads on is read ahead for. */
import type { Ctx } from "../../ctx.ts";
import { CHUNK_BYTES } from "../repository/chunks.ts";
import type { StoredFile } from "../repository/stored-file.ts";

/** Pieces beyond the one that is asked for: opening one takes longer than to use it, and its place may be far. */
const AHEAD = 4;

export class CachedFile {
  readonly sizeBytes: number;
  readonly #file: StoredFile;
  readonly #ctx: Ctx;
  readonly #most: number;
  /** The one that was used last is the last. */
  readonly #kept = new Map<number, Promise<Buffer>>();

  /** `most`: pieces that are kept. */
  constructor(file: StoredFile, ctx: Ctx, most: number) {
    this.sizeBytes = file.sizeBytes;
    this.#file = file;
    this.#ctx = ctx;
    this.#most = most;
  }

  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    const end = offset + lengthBytes;
    const first = Math.floor(offset / CHUNK_BYTES);
    const count = Math.ceil(end / CHUNK_BYTES) - first;
    const asked = Array.from({ length: count }, (_, at) => this.#block(first + at));
    if (this.#kept.has(first - 1)) this.#readAhead(first + count);
    const blocks = await Promise.all(asked);
    const [only] = blocks;
    const whole = only && blocks.length === 1 ? only : Buffer.concat(blocks);
    return whole.subarray(offset - first * CHUNK_BYTES, end - first * CHUNK_BYTES);
  }

  #block(number: number): Promise<Buffer> {
    const block = this.#kept.get(number) ?? this.#load(number);
    this.#kept.delete(number);
    this.#kept.set(number, block);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#most && oldest !== undefined) this.#kept.delete(oldest);
    // Another time it may be there.
    block.catch(() => this.#kept.delete(number));
    return block;
  }

  #readAhead(from: number): void {
    const end = Math.min(from + AHEAD, Math.ceil(this.sizeBytes / CHUNK_BYTES));
    for (let number = from; number < end; number += 1) if (!this.#kept.has(number)) this.#block(number);
  }

  async #load(number: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#file.read(this.#ctx, number * CHUNK_BYTES, CHUNK_BYTES)) parts.push(part);
    return Buffer.concat(parts);
  }
}
