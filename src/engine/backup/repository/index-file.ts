/** An index file: which packs there are and what each holds, as JSON. */
import { messageOf } from "../../../base/errors.ts";
import { type Blob, blobProblem } from "./blob.ts";
import { discard, type MasterKey } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { hex, ID_BYTES } from "./ids.ts";
import { JsonText } from "./json-text.ts";
import { blobsIn, type IndexedPack, ROW_WORDS, type Rows, writePlace } from "./rows.ts";
import { sealJson, unsealText } from "./unpacked.ts";

/** As many as restic puts into one file: 8 MiB of JSON. */
export const MAX_INDEX_BLOBS = 50_000;

/** No blob is written in less. */
const MIN_BLOB_TEXT_BYTES = 100;

const MAX_LENGTH = 2 ** 31 - 1;

export function indexBytes(
  key: MasterKey,
  { packs, supersedes }: { packs: readonly IndexedPack[]; supersedes: readonly string[] },
  options: { compressed: boolean },
): Uint8Array {
  const listed = packs.map(
    ({ name, rows }) => `{"id":"${name}","blobs":[${Array.from(blobsIn(rows), blobJson).join(",")}]}`,
  );
  const superseded = supersedes.length > 0 ? `"supersedes":${JSON.stringify(supersedes)},` : "";
  return sealJson(key, `{${superseded}"packs":[${listed.join(",")}]}`, options);
}

function blobJson({ id, type, offset, length, plainBytes }: Blob): string {
  const plain = plainBytes > 0 ? `,"uncompressed_length":${plainBytes}` : "";
  return `{"id":"${hex(id)}","type":"${type}","offset":${offset},"length":${length}${plain}}`;
}

/** The rows of all packs lie in one buffer. */
export function parseIndex(key: MasterKey, bytes: Uint8Array, what: string): IndexedPack[] {
  const text = unsealText(key, bytes, what);
  try {
    return new IndexText(text).packs();
  } catch (error) {
    throw damaged(what, messageOf(error), error);
  } finally {
    discard(text);
  }
}

type Fields = { hasId: boolean; type: string; offset: number; length: number; plainBytes: number };

class IndexText {
  readonly #json: JsonText;
  readonly #rows: Rows;
  readonly #bytes: Uint8Array;
  #count = 0;
  /** Of the blob that is being read; its id is in its row already. */
  #blob: Fields = NO_FIELDS;

  constructor(text: Uint8Array) {
    this.#json = new JsonText(text);
    this.#rows = new Uint32Array(Math.ceil(text.length / MIN_BLOB_TEXT_BYTES) * ROW_WORDS);
    this.#bytes = new Uint8Array(this.#rows.buffer);
  }

  packs(): IndexedPack[] {
    const found: { name: string; first: number; end: number }[] = [];
    this.#json.object((key) => {
      if (key !== "packs") this.#json.skip();
      else if (!this.#json.null()) this.#json.array(() => found.push(this.#readPack()));
    });
    this.#json.end();
    const rows = this.#rows.slice(0, this.#count * ROW_WORDS);
    discard(this.#bytes);
    return found.map(({ name, first, end }) => ({
      name,
      rows: rows.subarray(first * ROW_WORDS, end * ROW_WORDS),
    }));
  }

  #readPack(): { name: string; first: number; end: number } {
    const first = this.#count;
    const id = new Uint8Array(ID_BYTES);
    let hasId = false;
    this.#json.object((key) => {
      if (key === "id") {
        this.#json.id(id, 0);
        hasId = true;
      } else if (key !== "blobs") this.#json.skip();
      else if (!this.#json.null()) this.#json.array(this.#readBlob);
    });
    if (!hasId) throw new SyntaxError("a pack has no id");
    return { name: hex(id), first, end: this.#count };
  }

  readonly #readBlob = (): void => {
    this.#blob = { ...NO_FIELDS };
    this.#json.object(this.#readField);
    const { hasId, type, ...place } = this.#blob;
    if (!hasId || (type !== "data" && type !== "tree")) throw new SyntaxError("a piece is none");
    const problem = place.offset < 0 ? "a piece has no place" : blobProblem({ type, ...place });
    if (problem) throw new SyntaxError(problem);
    writePlace(this.#rows, this.#count++, { type, ...place });
  };

  readonly #readField = (key: string): void => {
    const blob = this.#blob;
    if (key === "id") {
      this.#json.id(this.#bytes, this.#count * ROW_WORDS * 4);
      blob.hasId = true;
    } else if (key === "type") blob.type = this.#json.string();
    else if (key === "offset") blob.offset = this.#length();
    else if (key === "length") blob.length = this.#length();
    else if (key === "uncompressed_length") blob.plainBytes = this.#length();
    else this.#json.skip();
  };

  #length(): number {
    const length = this.#json.integer();
    if (length > MAX_LENGTH) throw new SyntaxError("a length is too large");
    return length;
  }
}

const NO_FIELDS: Fields = { hasId: false, type: "", offset: -1, length: -1, plainBytes: 0 };
