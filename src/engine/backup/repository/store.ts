/**
 * Puts blobs into a repository. Threads sum them up, and those that are new go into packs; a full pack is saved and read
 * back, and when there are enough an index file names them. What is not in an index is nothing to anybody else, so nothing
 * is built upon what did not come back as it was written.
 */
import { abortable } from "../../../base/async.ts";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "../places/place.ts";
import type { BlobType } from "./blob.ts";
import { Buffers } from "./buffers.ts";
import { CHUNK_BYTES } from "./chunks.ts";
import { type Crew, type Member, movable } from "./crew.ts";
import { damaged } from "./damage.ts";
import { wordsFor } from "./files.ts";
import { hex } from "./ids.ts";
import { MAX_INDEX_BLOBS } from "./index-file.ts";
import type { TreeNode } from "./node.ts";
import type { FinishedPack } from "./pack.ts";
import type { PackIndex } from "./pack-index.ts";
import { blobsIn, type IndexedPack, rowCount } from "./rows.ts";
import { Tasks } from "./tasks.ts";

/** What a thread works on and what waits for it, so that it never waits itself. */
const BUFFERS_PER_THREAD = 4;

/** Packs that are being saved and read back at once: each is 16 MiB of memory. */
const MAX_UPLOADS = 2;

/** A backup that is cut off loses no more than what it did since the last index file: 4 GiB. */
const MAX_UNLISTED_PACKS = 256;

/** What has been put in so far: blobs that were new, their bytes, and the bytes of them in packs. */
export type Added = { dataBlobs: number; treeBlobs: number; bytes: number; packedBytes: number };

export class Store {
  readonly added: Added = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };
  readonly #ctx: Ctx;
  readonly #place: Place;
  readonly #index: PackIndex;
  readonly #crew: Crew;
  readonly #buffers: Buffers;
  readonly #failed = new AbortController();
  readonly #ended: AbortSignal;
  readonly #uploads = new Tasks();
  /**
   * Blobs on their way into an index file. The index that all share knows only what is in such a file: another backup
   * that relied on a pack of this one would lose it if this one ended here.
   */
  readonly #coming = new Set<string>();
  #unlisted: IndexedPack[] = [];
  readonly #saved: string[] = [];

  constructor(ctx: Ctx, { place, index, crew }: { place: Place; index: PackIndex; crew: Crew }) {
    this.#ctx = ctx;
    this.#place = place;
    this.#index = index;
    this.#crew = crew;
    this.#buffers = new Buffers(crew.size * BUFFERS_PER_THREAD, CHUNK_BYTES);
    this.#ended = AbortSignal.any([ctx.signal, this.#failed.signal]);
  }

  /** The names of the packs that it has saved. */
  get saved(): readonly string[] {
    return this.#saved;
  }

  /** A buffer for a blob's bytes; it comes back by `data` or `give`. Waits while the place or the threads are behind. */
  async take(): Promise<ArrayBuffer> {
    this.#ended.throwIfAborted();
    await this.#notBehind();
    return abortable(this.#buffers.take(), this.#ended);
  }

  give(buffer: ArrayBuffer): void {
    this.#buffers.give(buffer);
  }

  /** Puts the first `length` bytes of a buffer in as a blob, and tells its id. */
  async data(buffer: ArrayBuffer, length: number): Promise<Uint8Array> {
    const member = this.#crew.member();
    try {
      const { ticket, id } = await member.run("hash", { buffer, length }, [buffer]);
      this.give(await this.#settle(member, ticket, "data", id, length));
      return id;
    } catch (error) {
      this.#failed.abort(error); // The buffer is lost: whoever waits for one would wait for ever.
      throw error;
    }
  }

  /** Puts a directory's list in, and tells its id in hex. */
  async tree(nodes: TreeNode[]): Promise<string> {
    await this.#notBehind();
    const member = this.#crew.members[0] ?? this.#crew.member(); // One for all trees: they fill one pack together.
    const { ticket, id, textBytes } = await member.run("hashTree", { nodes });
    await this.#settle(member, ticket, "tree", id, textBytes);
    return hex(id);
  }

  /** Takes blobs over from a pack that is to go. */
  async repack(name: string, bytes: Uint8Array, rows: IndexedPack["rows"]): Promise<void> {
    await this.#notBehind();
    const member = this.#crew.member();
    const { packs } = await member.run("repack", { name, bytes, rows });
    for (const pack of packs) this.#uploads.add(this.#upload(member, pack));
  }

  /** Resolves when all that was put in is in packs, the packs are saved and an index names them. */
  async finish(): Promise<void> {
    for (const member of this.#crew.members) {
      const { packs } = await member.run("flush", {});
      for (const pack of packs) this.#uploads.add(this.#upload(member, pack));
    }
    await this.#uploads.all();
    await this.#list();
  }

  #notBehind(): Promise<void> {
    return this.#uploads.below(Math.min(MAX_UPLOADS, this.#place.connections));
  }

  /** Keeps a blob that is new and drops one that is known; its buffer comes back. */
  async #settle(
    member: Member,
    ticket: number,
    type: BlobType,
    id: Uint8Array,
    length: number,
  ): Promise<ArrayBuffer> {
    const name = type + hex(id);
    if (this.#coming.has(name) || this.#index.has(type, id))
      return (await member.run("drop", { ticket })).buffer;
    this.#coming.add(name);
    this.added[type === "data" ? "dataBlobs" : "treeBlobs"]++;
    this.added.bytes += length;
    const { buffer, pack } = await member.run("keep", { ticket });
    if (pack) this.#uploads.add(this.#upload(member, pack));
    return buffer;
  }

  async #upload(member: Member, pack: FinishedPack): Promise<void> {
    const { name, sizeBytes, buffer, rows } = pack;
    await this.#place.save(this.#ctx, { kind: "data", name }, new Uint8Array(buffer, 0, sizeBytes));
    this.added.packedBytes += sizeBytes;
    this.#saved.push(name);
    await this.#readBack(member, pack);
    this.#unlisted.push({ name, rows });
    const blobs = this.#unlisted.reduce((sum, each) => sum + rowCount(each.rows), 0);
    if (blobs >= MAX_INDEX_BLOBS || this.#unlisted.length >= MAX_UNLISTED_PACKS) await this.#list();
  }

  /**
   * Into the pack's own buffer, so that a backup takes no more memory for it; the thread that made it has the buffer back
   * then. A pack that fails is left to a prune: no index names it.
   */
  async #readBack(member: Member, { name, buffer }: FinishedPack): Promise<void> {
    const file = { kind: "data", name } as const;
    const bytes = await this.#place.load(this.#ctx, file, undefined, buffer);
    const moved = [...new Set([buffer, ...movable(bytes)])];
    const { isSame } = await member.run("isAsMade", { name, bytes, buffer }, moved);
    if (!isSame) throw damaged(wordsFor(file), "it was just written, and its sum is not its name");
  }

  async #list(): Promise<void> {
    if (this.#unlisted.length === 0) return;
    const packs = this.#unlisted;
    this.#unlisted = [];
    this.#index.files.add(await saveIndex(this.#ctx, this.#place, this.#crew, packs, []));
    for (const pack of packs) {
      this.#index.add(pack);
      for (const { type, id } of blobsIn(pack.rows)) this.#coming.delete(type + hex(id));
    }
  }
}

/** Writes one index file, which can be read from then on, and tells its name. */
export async function saveIndex(
  ctx: Ctx,
  place: Place,
  crew: Crew,
  packs: IndexedPack[],
  supersedes: string[],
): Promise<string> {
  const size = packs.reduce((sum, { rows }) => sum + rows.byteLength, 0);
  const { name, bytes } = await crew.run("writeIndex", size, { packs, supersedes });
  const file = { kind: "index", name } as const;
  await place.save(ctx, file, bytes);
  if (!Buffer.from(await place.load(ctx, file)).equals(bytes)) {
    await place.remove(ctx, file);
    throw damaged(wordsFor(file), "it was just written, and is another");
  }
  return name;
}
