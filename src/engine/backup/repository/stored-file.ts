/** A file in a backup: read from anywhere in it, or all of it without the zeros. */
import { setImmediate } from "node:timers/promises";
import type { Ctx } from "../../ctx.ts";
import { textBytes } from "./blob.ts";
import type { BlobReader } from "./blob-reader.ts";
import { LOOKUPS_AT_ONCE } from "./blob-table.ts";
import { CHUNK_BYTES, ZERO_CHUNK } from "./chunks.ts";
import { damaged } from "./damage.ts";
import { ID_BYTES, type IdList, idAt, idCount } from "./ids.ts";
import type { TreeNode } from "./node.ts";

/** So many bytes are fetched at once, and as many again while these are used. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** Bytes of a file at their place; without `bytes` they are zeros, of which nothing need be written. */
export type FilePiece = { offset: number; lengthBytes: number; bytes?: Uint8Array };

type Window = { first: number; end: number };

export class StoredFile {
  readonly sizeBytes: number;
  readonly #reader: BlobReader;
  readonly #content: IdList;
  /** Where each chunk begins, and the end; undefined where all but the last are of our own length. */
  readonly #starts: Float64Array | undefined;

  private constructor(
    reader: BlobReader,
    content: IdList,
    sizeBytes: number,
    starts: Float64Array | undefined,
  ) {
    this.#reader = reader;
    this.#content = content;
    this.sizeBytes = sizeBytes;
    this.#starts = starts;
  }

  /** Rejects where a piece of it is nowhere, or they do not make up its size. */
  static async open(ctx: Ctx, reader: BlobReader, node: TreeNode): Promise<StoredFile> {
    const { content = new Uint8Array(), size = 0 } = node;
    const starts = new Float64Array(idCount(content) + 1);
    let isOurs = true;
    for (let chunk = 0; chunk < idCount(content); chunk++) {
      if (chunk % LOOKUPS_AT_ONCE === LOOKUPS_AT_ONCE - 1) await setImmediate();
      ctx.signal.throwIfAborted();
      const start = starts[chunk] as number;
      const length = textBytes(reader.locate("data", idAt(content, chunk)));
      starts[chunk + 1] = start + length;
      isOurs &&= start === chunk * CHUNK_BYTES && length <= CHUNK_BYTES;
    }
    const end = starts[idCount(content)];
    if (end !== size)
      throw damaged(
        `the file ${JSON.stringify(node.name)}`,
        `its pieces are ${end} bytes and it should have ${size}`,
      );
    return new StoredFile(reader, content, size, isOurs ? undefined : starts);
  }

  /** The bytes of a range, in order. */
  async *read(ctx: Ctx, offset = 0, lengthBytes = this.sizeBytes - offset): AsyncGenerator<Uint8Array> {
    const end = Math.min(this.sizeBytes, offset + lengthBytes);
    if (offset < 0 || offset >= end) return;
    for await (const piece of this.#pieces(ctx, this.#chunkAt(offset), this.#chunkAt(end - 1) + 1)) {
      const bytes = piece.bytes ?? new Uint8Array(piece.lengthBytes);
      const from = Math.max(0, offset - piece.offset);
      const to = Math.min(piece.lengthBytes, end - piece.offset);
      yield bytes.subarray(from, to);
    }
  }

  /** Its pieces in order, each with its sum; none is read. */
  *sums(): Generator<{ offset: number; lengthBytes: number; id: Uint8Array }> {
    for (let chunk = 0; chunk < idCount(this.#content); chunk++)
      yield { ...this.#span(chunk), id: idAt(this.#content, chunk) };
  }

  /** Whether all of a range is in pieces of zeros. */
  isZero(offset: number, lengthBytes: number): boolean {
    if (lengthBytes === 0) return true;
    const last = this.#chunkAt(offset + lengthBytes - 1);
    for (let chunk = this.#chunkAt(offset); chunk <= last; chunk++) if (!this.#isZero(chunk)) return false;
    return true;
  }

  /** How much of it is more than zeros. */
  get dataBytes(): number {
    let sum = 0;
    for (let chunk = 0; chunk < idCount(this.#content); chunk++)
      if (!this.#isZero(chunk)) sum += this.#span(chunk).lengthBytes;
    return sum;
  }

  /** All of it in order, zeros without their bytes. */
  pieces(ctx: Ctx): AsyncGenerator<FilePiece> {
    return this.#pieces(ctx, 0, idCount(this.#content));
  }

  async *#pieces(ctx: Ctx, first: number, end: number): AsyncGenerator<FilePiece> {
    let window = this.#window(first, end);
    let coming = this.#fetch(ctx, window);
    while (window.first < end) {
      const texts = await coming;
      const next = this.#window(window.end, end);
      coming = this.#fetch(ctx, next);
      coming.catch(() => {}); // Whoever asks for it sees it; one who stops asking need not.
      for (let chunk = window.first; chunk < window.end; chunk++) {
        const bytes = texts.get(chunk);
        yield { ...this.#span(chunk), ...(bytes ? { bytes } : {}) };
      }
      window = next;
    }
  }

  /** Chunks whose bytes fill a window; zeros take no room, so there may be many of them. */
  #window(first: number, limit: number): Window {
    let end = first;
    for (let bytes = 0; end < limit && end - first < LOOKUPS_AT_ONCE && bytes < WINDOW_BYTES; end++)
      if (!this.#isZero(end)) bytes += this.#span(end).lengthBytes;
    return { first, end };
  }

  async #fetch(ctx: Ctx, { first, end }: Window): Promise<Map<number, Uint8Array>> {
    ctx.signal.throwIfAborted();
    await setImmediate();
    const wanted: number[] = [];
    for (let chunk = first; chunk < end; chunk++) if (!this.#isZero(chunk)) wanted.push(chunk);
    const ids = new Uint8Array(wanted.length * ID_BYTES);
    for (const [at, chunk] of wanted.entries()) ids.set(idAt(this.#content, chunk), at * ID_BYTES);
    const texts = await this.#reader.data(ctx, ids);
    return new Map(wanted.map((chunk, at) => [chunk, texts[at] as Uint8Array]));
  }

  #isZero(chunk: number): boolean {
    return Buffer.compare(idAt(this.#content, chunk), ZERO_CHUNK) === 0;
  }

  #span(chunk: number): { offset: number; lengthBytes: number } {
    const offset = this.#starts ? (this.#starts[chunk] as number) : chunk * CHUNK_BYTES;
    const end = this.#starts
      ? (this.#starts[chunk + 1] as number)
      : Math.min(offset + CHUNK_BYTES, this.sizeBytes);
    return { offset, lengthBytes: end - offset };
  }

  #chunkAt(offset: number): number {
    if (!this.#starts) return Math.floor(offset / CHUNK_BYTES);
    let [low, high] = [0, idCount(this.#content)];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}
