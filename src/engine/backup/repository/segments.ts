/**
 * Parts of packs that were read lately. Small files and directories lie in a pack in the order in which they were saved, and
 * are restored in much the same: one request for what is around a blob spares those for its neighbours.
 */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "../places/place.ts";

const SEGMENT_BYTES = 1024 * 1024;
const MAX_SEGMENTS = 24;

/** What is longer than this has few neighbours in a segment. */
const SMALL_BYTES = 128 * 1024;

type PackRange = { name: string; offset: number; lengthBytes: number; endOfBlobs: number };

export class Segments {
  readonly #place: Place;
  /** The one that was used last is the last. */
  readonly #kept = new Map<string, Promise<Uint8Array>>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** The bytes of a range of a pack, whose blobs end at `endOfBlobs`; they are the caller's. */
  async read(ctx: Ctx, range: PackRange): Promise<Uint8Array> {
    const { name, offset, lengthBytes, endOfBlobs } = range;
    const start = offset - (offset % SEGMENT_BYTES);
    const end = Math.min(start + SEGMENT_BYTES, endOfBlobs);
    if (lengthBytes > SMALL_BYTES || offset + lengthBytes > end)
      return this.#load(ctx, name, offset, lengthBytes);
    try {
      const bytes = await this.#segment(ctx, name, start, end - start);
      return bytes.slice(offset - start, offset - start + lengthBytes);
    } catch (error) {
      ctx.signal.throwIfAborted();
      // Another's request, which was cancelled; or a pack that is shorter than it should be, of which this may be there.
      if (!(error instanceof EngineError) || !["cancelled", "not-found"].includes(error.code)) throw error;
      return this.#load(ctx, name, offset, lengthBytes);
    }
  }

  #segment(ctx: Ctx, name: string, start: number, lengthBytes: number): Promise<Uint8Array> {
    const key = `${name} ${start}`;
    const segment = this.#kept.get(key) ?? this.#load(ctx, name, start, lengthBytes);
    this.#kept.delete(key);
    this.#kept.set(key, segment);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_SEGMENTS && oldest !== undefined) this.#kept.delete(oldest);
    segment.catch(() => this.#kept.delete(key));
    return segment;
  }

  #load(ctx: Ctx, name: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
    return this.#place.load(ctx, { kind: "data", name }, { offset, lengthBytes });
  }
}
