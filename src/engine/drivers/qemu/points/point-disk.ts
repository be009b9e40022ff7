/** A disk of a point, read from the server that has it. */
import { EngineError } from "../../../../base/errors.ts";
import type { Ctx } from "../../../ctx.ts";
import type { Extent, PointDisk } from "../../points.ts";
import { ALLOCATION, dirtyContext, extentsOf, joined, withCopies } from "./extents.ts";
import type { NbdClient } from "./nbd.ts";

/** As far as one question goes: a server answers with the lengths of parts in 32 bits. */
const QUESTION_BYTES = 2 ** 30;
/** What QEMU's server gives at once. */
const MOST_BYTES = 32 * 2 ** 20;
/** What has to be agreed with the server for such a disk. */
export function contextsOf(bitmap: string | undefined): string[] {
  return bitmap === undefined ? [ALLOCATION] : [ALLOCATION, dirtyContext(bitmap)];
}

type Named = {
  id: string;
  generation: number;
  /** What notes the changes that are asked for. */
  bitmap: string | undefined;
  /** Where what the guest has written over since is kept; absent where nothing is written. */
  copies?: NbdClient | undefined;
};

/**
 * Of a guest that writes. Before QEMU 8.0 its view of the disk takes a copied part for what has taken its place, where one
 * that is not copied follows it within the same question (hbitmap_status). So no read spans two parts that are copied by
 * themselves, and what the view says of zeros does not count where there is a copy.
 */
const COPIED_BYTES = 65_536;

export class NbdDisk implements PointDisk {
  readonly id: string;
  readonly generation: number;
  readonly #client: NbdClient;
  readonly #bitmap: string | undefined;
  readonly #copies: NbdClient | undefined;

  constructor(client: NbdClient, { id, generation, bitmap, copies }: Named) {
    this.#client = client;
    this.#bitmap = bitmap;
    this.#copies = copies;
    this.id = id;
    this.generation = generation;
  }

  get sizeBytes(): number {
    return this.#client.size;
  }

  get isIncrement(): boolean {
    return this.#bitmap !== undefined;
  }

  /** The last of each answer is held back: the next one may go on with it. */
  async *extents({ signal }: Pick<Ctx, "signal">): AsyncGenerator<Extent> {
    let held: Extent | undefined;
    for (let at = 0; at < this.sizeBytes; ) {
      const { extents, covered } = await this.#ask(at, signal);
      at += covered;
      for (const extent of extents) {
        if (joined(held, extent)) continue;
        if (held) yield held;
        held = extent;
      }
    }
    if (held) yield held;
  }

  /** The copies are asked last: what had been written over when the view was asked is among them. */
  async #ask(at: number, signal: AbortSignal) {
    const length = Math.min(QUESTION_BYTES, this.sizeBytes - at);
    const status = await this.#client.status(at, length, { signal });
    const copied = await this.#copies?.status(at, length, { signal });
    const dirty = this.#bitmap === undefined ? undefined : status.get(dirtyContext(this.#bitmap));
    const told = status.get(ALLOCATION) ?? [];
    const allocation = copied ? withCopies(told, copied.get(ALLOCATION) ?? []) : told;
    return extentsOf({ at, length }, allocation, dirty);
  }

  async read({ signal }: Pick<Ctx, "signal">, offset: number, into: Uint8Array): Promise<void> {
    const { length } = into;
    if (offset < 0 || length <= 0 || length > MOST_BYTES || offset + length > this.sizeBytes) {
      const reason = `cannot read ${length} bytes at ${offset}: the disk has ${this.sizeBytes}`;
      throw new EngineError("invalid-argument", reason);
    }
    if (!this.#copies) return this.#client.read(offset, into, { signal });
    try {
      await this.#readApart(offset, into, signal);
    } catch (error) {
      throw lost(error);
    }
  }

  /** It is over when all parts are: a buffer of which one is on its way is not the caller's. */
  async #readApart(offset: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    const reads: Promise<void>[] = [];
    for (let at = 0; at < into.length; ) {
      const end = Math.min(at - ((offset + at) % COPIED_BYTES) + COPIED_BYTES, into.length);
      reads.push(this.#client.read(offset + at, into.subarray(at, end), { signal }));
      at = end;
    }
    const settled = await Promise.allSettled(reads);
    const failed = settled.find(({ status }) => status === "rejected");
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }
}

/** QEMU refuses all that is asked of a view once a part of it could not be copied. */
function lost(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.details?.["errno"] === undefined) return error;
  const reason = "what its guest has written over since could not be kept";
  return new EngineError("driver-failed", `cannot read the disk as it was: ${reason}`, {
    hint: "See that there is space where the instance's disks are, then try again.",
    cause: error,
  });
}
