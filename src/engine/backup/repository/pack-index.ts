/** What the index files of a repository say together, and loading them. */
import { setImmediate } from "node:timers/promises";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "../places/place.ts";
import type { BlobType } from "./blob.ts";
import { BlobTable, type FoundBlob } from "./blob-table.ts";
import type { Crew } from "./crew.ts";
import { isDamage } from "./damage.ts";
import { loadWhole } from "./files.ts";
import { endOf, type IndexedPack } from "./rows.ts";

export type PlacedBlob = FoundBlob & { packName: string };

export class PackIndex {
  readonly table = new BlobTable();
  /** The names of the files that it was read from or has been written to. */
  readonly files = new Set<string>();
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #ends: number[] = [];

  add({ name, rows }: IndexedPack): void {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
      this.#ends.push(0);
    }
    this.table.add(rows, number);
    this.#ends[number] = Math.max(this.#ends[number] as number, endOf(rows));
  }

  /** Where the last blob of a pack ends. */
  endOf(number: number): number {
    return this.#ends[number] as number;
  }

  get packs(): readonly string[] {
    return this.#names;
  }

  packName(number: number): string {
    return this.#names[number] as string;
  }

  has(type: BlobType, id: Uint8Array): boolean {
    return this.table.has(type, id);
  }

  *find(type: BlobType, id: Uint8Array): Generator<PlacedBlob> {
    for (const blob of this.table.find(type, id)) yield { ...blob, packName: this.packName(blob.pack) };
  }

  first(type: BlobType, id: Uint8Array): PlacedBlob | undefined {
    return this.find(type, id).next().value ?? undefined;
  }
}

/** The blobs of each pack, for work that goes from pack to pack. They are sorted once; none is copied before it is asked for. */
export class ByPack {
  readonly #index: PackIndex;
  readonly #starts: Uint32Array;
  readonly #refs: Uint32Array;

  private constructor(index: PackIndex, starts: Uint32Array, refs: Uint32Array) {
    this.#index = index;
    this.#starts = starts;
    this.#refs = refs;
  }

  static async of(index: PackIndex): Promise<ByPack> {
    const starts = new Uint32Array(index.packs.length + 1);
    for await (const { count, packOf } of index.table.shards())
      for (let row = 0; row < count; row++) add(starts, packOf(row) + 1, 1);
    for (let pack = 0; pack < index.packs.length; pack++) add(starts, pack + 1, starts[pack] as number);
    const refs = new Uint32Array(starts.at(-1) ?? 0);
    const next = starts.slice();
    for await (const { shard, count, packOf } of index.table.shards()) {
      for (let row = 0; row < count; row++) {
        const pack = packOf(row);
        const at = next[pack] as number;
        refs[at] = shard * 2 ** ROW_BITS + row;
        next[pack] = at + 1;
      }
    }
    return new ByPack(index, starts, refs);
  }

  blobs(pack: number): FoundBlob[] {
    const refs = this.#refs.subarray(this.#starts[pack], this.#starts[pack + 1]);
    return Array.from(refs, (ref) =>
      this.#index.table.at({ shard: Math.floor(ref / 2 ** ROW_BITS), row: ref % 2 ** ROW_BITS }),
    );
  }
}

/** The blobs of so many packs are looked up in some milliseconds; then others have their turn. */
export const PACKS_AT_ONCE = 64;

/** A row within its shard; the shard's number stands above. */
const ROW_BITS = 24;

function add(numbers: Uint32Array, at: number, more: number): void {
  numbers[at] = (numbers[at] as number) + more;
}

/**
 * The index as it is now: `known` with what has come since, or all anew where files of it are gone, for then packs may be
 * gone, too. A file that cannot be read is `onDamage`'s affair; it throws where the work cannot go on without.
 */
export async function loadIndex(
  ctx: Ctx,
  place: Place,
  crew: Crew,
  options: { known?: PackIndex; onDamage: (error: unknown, name: string) => void },
): Promise<PackIndex> {
  const files: { name: string; sizeBytes: number }[] = [];
  for await (const file of place.list(ctx, "index")) files.push(file);
  const there = new Set(files.map(({ name }) => name));
  const { known } = options;
  const index = known && [...known.files].every((name) => there.has(name)) ? known : new PackIndex();
  const missing = files.filter(({ name }) => !index.files.has(name));
  const read = async ({ name, sizeBytes }: { name: string; sizeBytes: number }) => {
    try {
      const bytes = await loadWhole(ctx, place, { kind: "index", name, sizeBytes });
      const { packs } = await crew.run("readIndex", sizeBytes, { name, bytes });
      for (const [at, pack] of packs.entries()) {
        if (at % PACKS_AT_ONCE === 0) await setImmediate();
        index.add(pack);
      }
      index.files.add(name);
    } catch (error) {
      if (!isDamage(error)) throw error;
      options.onDamage(error, name);
    }
  };
  // One for each thread: more would only wait in memory.
  await Promise.all(Array.from({ length: crew.size }, () => inTurn(missing, read)));
  return index;
}

/** Takes from the list until it is empty. */
async function inTurn<T>(list: T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let item = list.shift(); item !== undefined; item = list.shift()) await work(item);
}
