/** A pack: sealed pieces one after the other, then a sealed list of them, then that list's length. */
import { type Blob, blobProblem } from "./blob.ts";
import { type MasterKey, SEAL_BYTES, seal, sealInto, unseal } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { hex, ID_BYTES, sha256 } from "./ids.ts";
import { type IndexedPack, rowsOf } from "./rows.ts";

/** A pack is closed when it has become this long. */
export const PACK_BYTES = 16 * 1024 * 1024;

/** One in the making has room for its last piece and its list. */
export const ROOM_BYTES = PACK_BYTES + 2 * 1024 * 1024;

const LENGTH_BYTES = 4;
const ENTRY_BYTES = 1 + 4 + ID_BYTES;
const COMPRESSED_ENTRY_BYTES = ENTRY_BYTES + 4;
const MAX_ENTRIES = 16_384;

/** A piece that is ready to be sealed: compressed from `plainBytes`, or as it is, which is 0. */
export type PackedText = { id: Uint8Array; text: Uint8Array; plainBytes: number };

export type FinishedPack = IndexedPack & { buffer: ArrayBuffer; sizeBytes: number };

/** A pack in the making, of pieces of one type. */
export class OpenPack {
  readonly #key: MasterKey;
  readonly #type: Blob["type"];
  readonly #blobs: Blob[] = [];
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `room` is a buffer of a pack that is gone, to be used again. */
  constructor(key: MasterKey, type: Blob["type"], room?: ArrayBuffer) {
    this.#key = key;
    this.#type = type;
    this.#bytes = new Uint8Array(room ?? new ArrayBuffer(ROOM_BYTES));
  }

  get isFull(): boolean {
    return this.#length >= PACK_BYTES || this.#blobs.length >= MAX_ENTRIES;
  }

  add({ id, text, plainBytes }: PackedText): void {
    this.#makeRoom(text.length + SEAL_BYTES);
    this.#note(id, sealInto(this.#key, text, this.#bytes, this.#length), plainBytes);
  }

  /** A piece as another pack has it, which was sealed with the same key. */
  addSealed(id: Uint8Array, sealed: Uint8Array, plainBytes: number): void {
    this.#makeRoom(sealed.length);
    this.#bytes.set(sealed, this.#length);
    this.#note(id, sealed.length, plainBytes);
  }

  finish(): FinishedPack {
    const header = seal(this.#key, headerOf(this.#blobs));
    this.#makeRoom(header.length + LENGTH_BYTES);
    this.#bytes.set(header, this.#length);
    const sizeBytes = this.#length + header.length + LENGTH_BYTES;
    new DataView(this.#bytes.buffer).setUint32(sizeBytes - LENGTH_BYTES, header.length, true);
    const name = hex(sha256(this.#bytes.subarray(0, sizeBytes)));
    return { name, sizeBytes, rows: rowsOf(this.#blobs), buffer: this.#bytes.buffer };
  }

  #note(id: Uint8Array, length: number, plainBytes: number): void {
    this.#blobs.push({ type: this.#type, id: id.slice(), offset: this.#length, length, plainBytes });
    this.#length += length;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(this.#length + bytes + ROOM_BYTES - PACK_BYTES);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function headerOf(blobs: readonly Blob[]): Uint8Array {
  const header = Buffer.alloc(blobs.reduce((sum, blob) => sum + entryBytes(blob), 0));
  let at = 0;
  for (const { type, id, length, plainBytes } of blobs) {
    at = header.writeUInt8((type === "tree" ? 1 : 0) + (plainBytes > 0 ? 2 : 0), at);
    at = header.writeUInt32LE(length, at);
    if (plainBytes > 0) at = header.writeUInt32LE(plainBytes, at);
    header.set(id, at);
    at += ID_BYTES;
  }
  return header;
}

function entryBytes({ plainBytes }: Pick<Blob, "plainBytes">): number {
  return plainBytes > 0 ? COMPRESSED_ENTRY_BYTES : ENTRY_BYTES;
}

/** What a pack is long beyond its pieces, and what a piece takes of it: its own length and its line in the list. */
export const PACK_FRAME_BYTES = SEAL_BYTES + LENGTH_BYTES;
export function bytesInPack(blob: Pick<Blob, "length" | "plainBytes">): number {
  return blob.length + entryBytes(blob);
}

/** What a whole pack holds, by its own list. */
export function readPack(key: MasterKey, bytes: Uint8Array, what: string): Blob[] {
  if (bytes.length < LENGTH_BYTES + SEAL_BYTES) throw damaged(what, "it is too short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerEnd = bytes.length - LENGTH_BYTES;
  const headerStart = headerEnd - view.getUint32(headerEnd, true);
  if (headerStart < 0) throw damaged(what, "its list is longer than it is itself");
  const header = unseal(key, bytes.subarray(headerStart, headerEnd));
  if (!header) throw damaged(what, "the seal of its list does not fit");
  const blobs = parseHeader(header, what);
  if (blobs.reduce((sum, { length }) => sum + length, 0) !== headerStart)
    throw damaged(what, "its list does not fit its length");
  return blobs;
}

export function parseHeader(header: Uint8Array, what: string): Blob[] {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const blobs: Blob[] = [];
  let offset = 0;
  for (let at = 0; at < header.length; ) {
    const kind = view.getUint8(at);
    const compressed = kind === 2 || kind === 3;
    const end = at + (compressed ? COMPRESSED_ENTRY_BYTES : ENTRY_BYTES);
    if (kind > 3 || end > header.length) throw damaged(what, "its list is none");
    const length = view.getUint32(at + 1, true);
    const plainBytes = compressed ? view.getUint32(at + 5, true) : 0;
    const type = kind % 2 === 1 ? "tree" : "data";
    const blob: Blob = { type, id: header.slice(end - ID_BYTES, end), offset, length, plainBytes };
    const problem =
      blobProblem(blob) ?? (compressed && plainBytes === 0 ? "a piece is of nothing" : undefined);
    if (problem) throw damaged(what, problem);
    blobs.push(blob);
    offset += length;
    at = end;
  }
  return blobs;
}
