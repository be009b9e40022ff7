/** Which chunks of a disk have to be read: a disk's owner tells it in extents, a backup works by chunks. */
import { CHUNK_BYTES } from "./chunks.ts";

/** `same`: as in the backup before; `zero`: nothing but zeros; `data`: has to be read. */
export type ExtentKind = "data" | "zero" | "same";

export type Extent = { offset: number; lengthBytes: number; kind: ExtentKind };

/** `count` chunks from number `first` on. */
export type ChunkRun = { first: number; count: number; kind: ExtentKind };

/**
 * Runs of chunks of one kind, all chunks in order. A chunk that has parts of several kinds has to be read; so has what no
 * extent tells of. Extents come in order and do not overlap.
 */
export async function* chunkRuns(
  extents: AsyncIterable<Extent>,
  sizeBytes: number,
): AsyncGenerator<ChunkRun> {
  const runs = new Runs(sizeBytes);
  for await (const { offset, lengthBytes, kind } of extents) {
    if (offset < runs.end || lengthBytes < 0 || offset + lengthBytes > sizeBytes)
      throw new RangeError(`the extent of ${lengthBytes} bytes at ${offset} is not in its place`);
    yield* runs.cover("data", offset);
    yield* runs.cover(kind, offset + lengthBytes);
  }
  yield* runs.cover("data", sizeBytes);
  yield* runs.rest();
}

class Runs {
  readonly #sizeBytes: number;
  /** Up to where it is known what there is. */
  end = 0;
  /** The kind of the chunk that `end` lies in, as far as it is known. */
  #kind: ExtentKind | undefined;
  #run: ChunkRun | undefined;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  *cover(kind: ExtentKind, to: number): Generator<ChunkRun> {
    if (to <= this.end) return;
    const chunk = Math.floor(this.end / CHUNK_BYTES);
    this.#kind = this.#kind === undefined || this.#kind === kind ? kind : "data";
    this.end = to;
    if (to < Math.min((chunk + 1) * CHUNK_BYTES, this.#sizeBytes)) return;
    yield* this.#push({ first: chunk, count: 1, kind: this.#kind });
    const whole = to === this.#sizeBytes ? Math.ceil(to / CHUNK_BYTES) : Math.floor(to / CHUNK_BYTES);
    if (whole > chunk + 1) yield* this.#push({ first: chunk + 1, count: whole - chunk - 1, kind });
    this.#kind = to > whole * CHUNK_BYTES ? kind : undefined;
  }

  *rest(): Generator<ChunkRun> {
    if (this.#run) yield this.#run;
    this.#run = undefined;
  }

  *#push(next: ChunkRun): Generator<ChunkRun> {
    if (this.#run?.kind === next.kind) {
      this.#run.count += next.count;
      return;
    }
    yield* this.rest();
    this.#run = next;
  }
}
