/** Gets blobs out of their packs: those that lie together in one request, opened by threads. */

import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "../places/place.ts";
import type { BlobType } from "./blob.ts";
import { type Crew, movable } from "./crew.ts";
import { damaged, isDamage } from "./damage.ts";
import { fromHex, hex, type IdList, idAt, idCount } from "./ids.ts";
import type { TreeNode } from "./node.ts";
import type { PackIndex, PlacedBlob } from "./pack-index.ts";
import { rowsOf } from "./rows.ts";
import { Segments } from "./segments.ts";
import { Tasks } from "./tasks.ts";

/** Reading over a gap of this much is cheaper than asking twice. */
const MAX_GAP_BYTES = 128 * 1024;
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

/** Blobs of one pack that are read with one request. */
export type Request = {
  pack: number;
  packName: string;
  offset: number;
  lengthBytes: number;
  blobs: PlacedBlob[];
};

export class BlobReader {
  readonly #segments: Segments;
  readonly #place: Place;
  readonly #index: PackIndex;
  readonly #crew: Crew;

  constructor({ place, index, crew }: { place: Place; index: PackIndex; crew: Crew }) {
    this.#place = place;
    this.#segments = new Segments(place);
    this.#index = index;
    this.#crew = crew;
  }

  locate(type: BlobType, id: Uint8Array): PlacedBlob {
    const blob = this.#index.first(type, id);
    if (!blob) throw damaged(`the piece ${hex(id)}`, "no index knows where it is");
    return blob;
  }

  /** What is in some blobs of data, in the order of their ids. */
  async data(ctx: Ctx, ids: IdList): Promise<Uint8Array[]> {
    const wanted = Array.from({ length: idCount(ids) }, (_, at) => this.locate("data", idAt(ids, at)));
    const texts = new Map<string, Uint8Array>();
    const tasks = new Tasks();
    for (const request of requests(wanted)) {
      await tasks.below(this.#place.connections);
      tasks.add(this.#fetch(ctx, request, texts));
    }
    await tasks.all();
    return wanted.map(({ id }) => texts.get(hex(id)) as Uint8Array);
  }

  async tree(ctx: Ctx, name: string): Promise<TreeNode[]> {
    const first = this.locate("tree", fromHex(name));
    return this.#first(ctx, first, async (blob) => {
      const bytes = await this.#load(ctx, blob.pack, blob.offset, blob.length);
      const size = Math.max(blob.length, blob.plainBytes);
      const request = { name: blob.packName, bytes, rows: rowsOf([{ ...blob, offset: 0 }]) };
      return (await this.#crew.run("openTree", size, request, movable(bytes))).nodes;
    });
  }

  async #fetch(ctx: Ctx, request: Request, texts: Map<string, Uint8Array>): Promise<void> {
    try {
      for (const [at, text] of (await this.#open(ctx, request)).entries())
        texts.set(hex((request.blobs[at] as PlacedBlob).id), text);
    } catch (error) {
      if (!isDamage(error)) throw error;
      // One of them is damaged: each for itself, and from another pack where there is one.
      for (const blob of request.blobs) {
        const text = await this.#first(
          ctx,
          blob,
          async (place) => (await this.#open(ctx, requestOf([place])))[0],
        );
        texts.set(hex(blob.id), text as Uint8Array);
      }
    }
  }

  /** Tries all places of a blob, and throws the first failure where none is good. */
  async #first<T>(ctx: Ctx, { type, id }: PlacedBlob, get: (blob: PlacedBlob) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const blob of [...this.#index.find(type, id)]) {
      try {
        return await get(blob);
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (!isDamage(error)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  async #open(ctx: Ctx, { pack, packName, offset, lengthBytes, blobs }: Request): Promise<Uint8Array[]> {
    const bytes = await this.#load(ctx, pack, offset, lengthBytes);
    const size = blobs.reduce((sum, blob) => sum + Math.max(blob.length, blob.plainBytes), 0);
    const request = { name: packName, bytes, start: offset, rows: rowsOf(blobs) };
    return (await this.#crew.run("open", size, request, movable(bytes))).texts;
  }

  async #load(ctx: Ctx, pack: number, offset: number, lengthBytes: number): Promise<Uint8Array> {
    const name = this.#index.packName(pack);
    try {
      const endOfBlobs = this.#index.endOf(pack);
      return await this.#segments.read(ctx, { name, offset, lengthBytes, endOfBlobs });
    } catch (error) {
      if (error instanceof EngineError && error.code === "not-found")
        throw damaged(`the pack ${name}`, "it is gone or too short", error);
      throw error;
    }
  }
}

/** Blobs by pack and in the order of the pack, each once, those together that are near each other. */
export function requests(blobs: readonly PlacedBlob[]): Request[] {
  const sorted = [...new Map(blobs.map((blob) => [hex(blob.id), blob])).values()].sort(
    (a, b) => a.pack - b.pack || a.offset - b.offset,
  );
  const found: PlacedBlob[][] = [];
  for (const blob of sorted) {
    const group = found.at(-1);
    const [first, last] = [group?.[0], group?.at(-1)];
    const fits =
      first?.pack === blob.pack &&
      last !== undefined &&
      blob.offset - last.offset - last.length <= MAX_GAP_BYTES &&
      blob.offset + blob.length - first.offset <= MAX_REQUEST_BYTES;
    if (fits) group?.push(blob);
    else found.push([blob]);
  }
  return found.map(requestOf);
}

function requestOf(blobs: PlacedBlob[]): Request {
  const [first, last] = [blobs[0], blobs.at(-1)] as [PlacedBlob, PlacedBlob];
  const end = Math.max(last.offset + last.length, ...blobs.map(({ offset, length }) => offset + length));
  return {
    pack: first.pack,
    packName: first.packName,
    offset: first.offset,
    lengthBytes: end - first.offset,
    blobs,
  };
}
