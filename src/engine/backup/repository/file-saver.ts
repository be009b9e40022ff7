/** Cuts files into chunks and puts them into a store: only what may have changed is read. */
import { setImmediate } from "node:timers/promises";
import type { Ctx } from "../../ctx.ts";
import { textBytes } from "./blob.ts";
import { LOOKUPS_AT_ONCE } from "./blob-table.ts";
import { CHUNK_BYTES, isZero, ZERO_CHUNK } from "./chunks.ts";
import { type ChunkRun, chunkRuns, type Extent } from "./extents.ts";
import { ID_BYTES, type IdList, idAt, idCount } from "./ids.ts";
import type { PackIndex } from "./pack-index.ts";
import type { Store } from "./store.ts";
import { Tasks } from "./tasks.ts";

/** A disk, or any file whose parts can be read in any order. */
export type FileSource = {
  sizeBytes: number;
  /** Fills `into` with the bytes from `offset` on. Several at once. */
  read(ctx: Ctx, offset: number, into: Uint8Array): Promise<void>;
  /** What is where, in order. Without it, all is read. */
  extents?(ctx: Ctx): AsyncIterable<Extent>;
};

/** `readBytes`: how much of it was read; the rest was known to be zeros, or as before. */
export type SavedFile = { content: IdList; size: number; readBytes: number };

export class FileSaver {
  readonly #store: Store;
  readonly #index: PackIndex;
  #zeroIsIn: Promise<void> | undefined;

  constructor(store: Store, index: PackIndex) {
    this.#store = store;
    this.#index = index;
  }

  /** `before` is the content of the same file in the backup before: what extents call `same` is taken from there. */
  async saveFile(ctx: Ctx, source: FileSource, before?: IdList): Promise<SavedFile> {
    const saving = new Saving(source, before);
    const tasks = new Tasks();
    try {
      for await (const run of chunkRuns(extentsOf(ctx, source), source.sizeBytes)) {
        if (run.kind === "same") await this.#reuse(ctx, saving, run, tasks);
        else if (run.kind === "zero") await this.#zeros(saving, run);
        else
          for (let chunk = run.first; chunk < run.first + run.count; chunk++)
            await this.#read(ctx, saving, chunk, tasks);
        saving.tell(ctx);
      }
    } finally {
      await tasks.all();
    }
    const { content, readBytes } = saving;
    return { content, size: source.sizeBytes, readBytes };
  }

  /** A file whose length is known only when it ends. */
  async saveStream(ctx: Ctx, stream: AsyncIterable<Uint8Array>): Promise<SavedFile> {
    const ids: Promise<Uint8Array>[] = [];
    const tasks = new Tasks();
    let size = 0;
    try {
      for await (const [buffer, length] of this.#chunked(stream)) {
        ctx.signal.throwIfAborted();
        tasks.check();
        const id = this.#store.data(buffer, length);
        tasks.add(id);
        ids.push(id);
        size += length;
      }
    } finally {
      await tasks.all();
    }
    return { content: new Uint8Array(Buffer.concat(await Promise.all(ids))), size, readBytes: size };
  }

  /** The stream's bytes in buffers of the store, all full but the last. */
  async *#chunked(stream: AsyncIterable<Uint8Array>): AsyncGenerator<[ArrayBuffer, number]> {
    let filling: { buffer: ArrayBuffer; length: number } | undefined;
    const filled = (): [ArrayBuffer, number] | undefined => {
      const full = filling && ([filling.buffer, filling.length] as [ArrayBuffer, number]);
      filling = undefined;
      return full;
    };
    try {
      for await (const bytes of stream) {
        for (let at = 0; at < bytes.length; ) {
          filling ??= { buffer: await this.#store.take(), length: 0 };
          const part = bytes.subarray(at, at + CHUNK_BYTES - filling.length);
          new Uint8Array(filling.buffer).set(part, filling.length);
          at += part.length;
          filling.length += part.length;
          const full = filling.length === CHUNK_BYTES ? filled() : undefined;
          if (full) yield full;
        }
      }
      const last = filled();
      if (last) yield last;
    } finally {
      if (filling) this.#store.give(filling.buffer); // The stream has failed; others still want buffers.
    }
  }

  /** What the index no longer has, or has in another length, is read. */
  async #reuse(ctx: Ctx, saving: Saving, run: ChunkRun, tasks: Tasks): Promise<void> {
    for (let chunk = run.first; chunk < run.first + run.count; chunk++) {
      if (chunk % LOOKUPS_AT_ONCE === 0) await setImmediate();
      ctx.signal.throwIfAborted();
      const id = saving.idBefore(chunk);
      const blob = id && this.#index.first("data", id);
      if (id && blob && textBytes(blob) === saving.lengthOf(chunk)) saving.set(chunk, id);
      else await this.#read(ctx, saving, chunk, tasks);
    }
  }

  async #zeros(saving: Saving, run: ChunkRun): Promise<void> {
    for (let chunk = run.first; chunk < run.first + run.count; chunk++) {
      if (chunk % LOOKUPS_AT_ONCE === 0) await setImmediate();
      const length = saving.lengthOf(chunk);
      if (length === CHUNK_BYTES) saving.set(chunk, await this.#zero());
      else saving.set(chunk, await this.#zerosOf(length));
    }
  }

  /** Starts reading a chunk; waits only for a buffer. */
  async #read(ctx: Ctx, saving: Saving, chunk: number, tasks: Tasks): Promise<void> {
    tasks.check();
    const buffer = await this.#store.take();
    tasks.add(this.#readInto(ctx, saving, chunk, buffer));
  }

  async #readInto(ctx: Ctx, saving: Saving, chunk: number, buffer: ArrayBuffer): Promise<void> {
    const length = saving.lengthOf(chunk);
    const bytes = new Uint8Array(buffer, 0, length);
    try {
      await saving.source.read(ctx, chunk * CHUNK_BYTES, bytes);
    } catch (error) {
      this.#store.give(buffer);
      throw error;
    }
    saving.readBytes += length;
    if (length === CHUNK_BYTES && isZero(bytes)) {
      this.#store.give(buffer);
      saving.set(chunk, await this.#zero());
    } else saving.set(chunk, await this.#store.data(buffer, length));
    saving.tell(ctx);
  }

  /** The chunk of zeros is put in once; its id is known before. */
  async #zero(): Promise<Uint8Array> {
    this.#zeroIsIn ??= this.#index.has("data", ZERO_CHUNK)
      ? Promise.resolve()
      : this.#zerosOf(CHUNK_BYTES).then(() => {});
    await this.#zeroIsIn;
    return ZERO_CHUNK;
  }

  async #zerosOf(length: number): Promise<Uint8Array> {
    const buffer = await this.#store.take();
    new Uint8Array(buffer).fill(0);
    return this.#store.data(buffer, length);
  }
}

/** One file on its way in. */
class Saving {
  readonly source: FileSource;
  readonly content: IdList;
  readBytes = 0;
  readonly #before: IdList | undefined;
  #done = 0;

  constructor(source: FileSource, before: IdList | undefined) {
    this.source = source;
    this.content = new Uint8Array(Math.ceil(source.sizeBytes / CHUNK_BYTES) * ID_BYTES);
    this.#before = before;
  }

  lengthOf(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.source.sizeBytes - chunk * CHUNK_BYTES);
  }

  idBefore(chunk: number): Uint8Array | undefined {
    return this.#before && chunk < idCount(this.#before) ? idAt(this.#before, chunk) : undefined;
  }

  set(chunk: number, id: Uint8Array): void {
    this.content.set(id, chunk * ID_BYTES);
    this.#done += this.lengthOf(chunk);
  }

  tell(ctx: Ctx): void {
    const total = this.source.sizeBytes;
    ctx.progress({ phase: "backup", done: this.#done, ...(total > 0 ? { total } : {}) });
  }
}

async function* everything(sizeBytes: number): AsyncGenerator<Extent> {
  if (sizeBytes > 0) yield { offset: 0, lengthBytes: sizeBytes, kind: "data" };
}

function extentsOf(ctx: Ctx, source: FileSource): AsyncIterable<Extent> {
  return source.extents?.(ctx) ?? everything(source.sizeBytes);
}
