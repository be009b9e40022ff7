/**
 * The work on bytes: sums, compression, seals. It is done by threads of their own (`crew.ts`), small things by whoever
 * asks. What a thread holds between two jobs — pieces whose fate is open, packs in the making — is here, too.
 */
import { type Blob, type BlobType, textBytes } from "./blob.ts";
import { discard, type MasterKey, unseal } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { hex, sha256 } from "./ids.ts";
import { indexBytes, parseIndex } from "./index-file.ts";
import type { TreeNode } from "./node.ts";
import { type FinishedPack, OpenPack, ROOM_BYTES, readPack } from "./pack.ts";
import { blobsIn, type IndexedPack, type Rows } from "./rows.ts";
import { parseTree, treeText } from "./tree.ts";
import { unpacked } from "./unpacked.ts";
import { compress } from "./zstd.ts";

/** A job's answer, and which buffers go with it instead of being copied. */
type Done<T> = { answer: T; moved?: ArrayBuffer[] };

type Held = { type: BlobType; id: Uint8Array; text: Uint8Array<ArrayBuffer> };

export type JobOptions = { compressed: boolean };

export class Jobs {
  readonly #key: MasterKey;
  readonly #compressed: boolean;
  readonly #held = new Map<number, Held>();
  readonly #open = new Map<BlobType, OpenPack>();
  readonly #spare: ArrayBuffer[] = [];
  #tickets = 0;

  constructor(key: MasterKey, { compressed }: JobOptions) {
    this.#key = key;
    this.#compressed = compressed;
  }

  /** Sums up a piece and holds it until `keep` or `drop` names its ticket. */
  hash({
    buffer,
    length,
  }: {
    buffer: ArrayBuffer;
    length: number;
  }): Done<{ ticket: number; id: Uint8Array }> {
    return this.#hold("data", new Uint8Array(buffer, 0, length));
  }

  /** The same for a directory's list. */
  hashTree({ nodes }: { nodes: TreeNode[] }): Done<{ ticket: number; id: Uint8Array; textBytes: number }> {
    const text = treeText(nodes);
    for (const { content } of nodes) if (content) discard(content);
    const { answer } = this.#hold("tree", text);
    return { answer: { ...answer, textBytes: text.length } };
  }

  #hold(type: BlobType, text: Uint8Array<ArrayBuffer>): Done<{ ticket: number; id: Uint8Array }> {
    const id = sha256(text);
    const ticket = this.#tickets++;
    this.#held.set(ticket, { type, id, text });
    return { answer: { ticket, id } };
  }

  /** Puts the piece into a pack. The buffer of data comes back, and the pack if it is full now. */
  keep({ ticket }: { ticket: number }): Done<{ buffer: ArrayBuffer; pack?: FinishedPack }> {
    const held = this.#release(ticket);
    const { type, id, text } = held;
    const pack = this.#packOf(type);
    const smaller = this.#compressed ? compress(text) : text;
    // A list is always compressed, for restic makes packs of others anew whenever it prunes.
    const worthIt = this.#compressed && (smaller.length < text.length || type === "tree");
    pack.add(worthIt ? { id, text: smaller, plainBytes: text.length } : { id, text, plainBytes: 0 });
    if (smaller !== text) discard(smaller);
    const finished = pack.isFull ? this.#finish(type) : undefined;
    const buffer = bufferOf(held);
    return {
      answer: { buffer, ...(finished ? { pack: finished } : {}) },
      moved: [buffer, ...(finished ? [finished.buffer] : [])],
    };
  }

  /** The piece is known already. */
  drop({ ticket }: { ticket: number }): Done<{ buffer: ArrayBuffer }> {
    const buffer = bufferOf(this.#release(ticket));
    return { answer: { buffer }, moved: [buffer] };
  }

  #release(ticket: number): Held {
    const held = this.#held.get(ticket);
    if (!held) throw new Error(`no piece is held under ${ticket}`);
    this.#held.delete(ticket);
    return held;
  }

  /** Finishes the packs that are not full. */
  flush(_: object): Done<{ packs: FinishedPack[] }> {
    const packs = [...this.#open.keys()].map((type) => this.#finish(type));
    return { answer: { packs }, moved: packs.map(({ buffer }) => buffer) };
  }

  /** Takes the named pieces of a pack over into new packs, each of them checked. */
  repack({
    name,
    bytes,
    rows,
  }: {
    name: string;
    bytes: Uint8Array;
    rows: Rows;
  }): Done<{ packs: FinishedPack[] }> {
    const packs: FinishedPack[] = [];
    for (const blob of blobsIn(rows)) {
      const sealed = slice(bytes, blob, 0, packName(name));
      discard(this.#openBlob(blob, sealed, packName(name)));
      const pack = this.#packOf(blob.type);
      pack.addSealed(blob.id, sealed, blob.plainBytes);
      if (pack.isFull) packs.push(this.#finish(blob.type));
    }
    return { answer: { packs }, moved: packs.map(({ buffer }) => buffer) };
  }

  /** What is in some pieces of a pack, of which `bytes` are those from `start` on. */
  open(request: {
    name: string;
    bytes: Uint8Array;
    start: number;
    rows: Rows;
  }): Done<{ texts: Uint8Array[] }> {
    const { name, bytes, start, rows } = request;
    const blobs = [...blobsIn(rows)];
    const all = new Uint8Array(blobs.reduce((sum, blob) => sum + textBytes(blob), 0));
    let at = 0;
    const texts = blobs.map((blob) => {
      const text = this.#openBlob(blob, slice(bytes, blob, start, packName(name)), packName(name));
      all.set(text, at);
      at += textBytes(blob);
      discard(text);
      return all.subarray(at - textBytes(blob), at);
    });
    return { answer: { texts }, moved: [all.buffer] };
  }

  /** A directory's list, from its piece. */
  openTree({
    name,
    bytes,
    rows,
  }: {
    name: string;
    bytes: Uint8Array;
    rows: Rows;
  }): Done<{ nodes: TreeNode[] }> {
    const [blob] = blobsIn(rows);
    if (!blob) throw new Error("no tree is named");
    const text = this.#openBlob(blob, bytes, packName(name));
    const nodes = parseTree(text, `the tree ${hex(blob.id)}`);
    discard(text);
    const contents = nodes.flatMap(({ content }) => (content ? [content.buffer as ArrayBuffer] : []));
    return { answer: { nodes }, moved: [...new Set(contents)] };
  }

  readIndex({ name, bytes }: { name: string; bytes: Uint8Array }): Done<{ packs: IndexedPack[] }> {
    const what = `the index ${name}`;
    if (hex(sha256(bytes)) !== name) throw damaged(what, "its sum is not its name");
    return { answer: { packs: parseIndex(this.#key, bytes, what) } };
  }

  writeIndex(request: {
    packs: IndexedPack[];
    supersedes: string[];
  }): Done<{ name: string; bytes: Uint8Array }> {
    const bytes = indexBytes(this.#key, request, { compressed: this.#compressed });
    return { answer: { name: hex(sha256(bytes)), bytes } };
  }

  /** What is wrong with a whole pack: its sum, its list, every piece, and what the index says of it. */
  checkPack({
    name,
    bytes,
    rows,
  }: {
    name: string;
    bytes: Uint8Array;
    rows: Rows;
  }): Done<{ problems: string[] }> {
    if (hex(sha256(bytes)) !== name) return { answer: { problems: ["its sum is not its name"] } };
    try {
      const blobs = readPack(this.#key, bytes, packName(name));
      const problems = blobs.flatMap((blob) => this.#blobProblem(blob, bytes, name));
      return { answer: { problems: [...problems, ...unlisted(blobs, rows)] } };
    } catch (error) {
      return { answer: { problems: [(error as Error).message] } };
    }
  }

  /**
   * Whether what was read back of a pack that was made here is what was made, by its sum; its buffer comes back. Its pieces
   * are not opened: that would sum up all of a backup a second time, to learn of what was just sealed that it can be opened.
   */
  isAsMade({
    name,
    bytes,
    buffer,
  }: {
    name: string;
    bytes: Uint8Array;
    buffer: ArrayBuffer;
  }): Done<{ isSame: boolean }> {
    const isSame = hex(sha256(bytes)) === name;
    if (buffer.byteLength === ROOM_BYTES) this.#spare.push(buffer);
    return { answer: { isSame } };
  }

  #blobProblem(blob: Blob, bytes: Uint8Array, name: string): string[] {
    try {
      discard(this.#openBlob(blob, slice(bytes, blob, 0, packName(name)), packName(name)));
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  }

  #openBlob(blob: Blob, sealed: Uint8Array, what: string): Uint8Array {
    const piece = `the piece ${hex(blob.id)} in ${what}`;
    const text = unseal(this.#key, sealed);
    if (!text) throw damaged(piece, "its seal does not fit");
    const plain = blob.plainBytes > 0 ? unpacked(text, blob.plainBytes, piece) : text;
    if (plain !== text) discard(text);
    if (plain.length !== textBytes(blob)) throw damaged(piece, "it has another length");
    if (Buffer.compare(sha256(plain), blob.id) !== 0) throw damaged(piece, "its sum is not its name");
    return plain;
  }

  #packOf(type: BlobType): OpenPack {
    const open = this.#open.get(type) ?? new OpenPack(this.#key, type, this.#spare.pop());
    this.#open.set(type, open);
    return open;
  }

  #finish(type: BlobType): FinishedPack {
    const pack = this.#packOf(type).finish();
    this.#open.delete(type);
    return pack;
  }
}

/** What goes back to whoever gave it: a list was made here, and nobody waits for it. */
function bufferOf({ type, text }: Held): ArrayBuffer {
  if (type === "data") return text.buffer;
  discard(text);
  return new ArrayBuffer(0);
}

export function packName(name: string): string {
  return `the pack ${name}`;
}

function slice(bytes: Uint8Array, { offset, length }: Blob, start: number, what: string): Uint8Array {
  const from = offset - start;
  if (from < 0 || from + length > bytes.length) throw damaged(what, "it ends before a piece of it does");
  return bytes.subarray(from, from + length);
}

/** What the index says of a pack beyond what the pack says of itself. */
function unlisted(blobs: readonly Blob[], rows: Rows): string[] {
  const line = ({ type, id, offset, length, plainBytes }: Blob) =>
    `${type} ${hex(id)} ${offset} ${length} ${plainBytes}`;
  const listed = new Set(blobs.map(line));
  const wrong = [...blobsIn(rows)].filter((blob) => !listed.has(line(blob)));
  return wrong.map(({ id }) => `the index has the piece ${hex(id)} in it, which its own list has not`);
}

/** Every job by name: what it is asked and what it answers. */
export type JobName = {
  [Name in keyof Jobs]: Jobs[Name] extends (request: never) => Done<unknown> ? Name : never;
}[keyof Jobs];
export type JobRequest<Name extends JobName> = Parameters<Jobs[Name]>[0];
export type JobAnswer<Name extends JobName> = ReturnType<Jobs[Name]>["answer"];
