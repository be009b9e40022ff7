/** Where pieces lie. A piece is of data or of trees, and known by the sum of what it holds. */
import { MAX_DATA_BLOB_BYTES, MAX_TREE_BLOB_BYTES } from "./chunks.ts";
import { SEAL_BYTES } from "./crypt.ts";

export type BlobType = "data" | "tree";

/** A piece within its pack. `plainBytes` is 0 where it is not compressed. */
export type Blob = { type: BlobType; id: Uint8Array; offset: number; length: number; plainBytes: number };

/** How long a piece is once it is open. */
export function textBytes({ length, plainBytes }: Pick<Blob, "length" | "plainBytes">): number {
  return plainBytes === 0 ? length - SEAL_BYTES : plainBytes;
}

/** Why there cannot be such a piece in a pack, or undefined. What a repository says is believed within these bounds only. */
export function blobProblem(
  blob: Pick<Blob, "type" | "offset" | "length" | "plainBytes">,
): string | undefined {
  const limit = blob.type === "data" ? MAX_DATA_BLOB_BYTES : MAX_TREE_BLOB_BYTES;
  if (blob.length <= SEAL_BYTES) return "a piece is too short";
  if (textBytes(blob) > limit || blob.length > limit + SEAL_BYTES + limit / 128 + 1024)
    return "a piece is too long";
  return blob.offset + blob.length > MAX_PACK_BYTES ? "a pack is too long" : undefined;
}

/** Restic makes packs of at most 128 MiB; one may hold a single longer piece. */
const MAX_PACK_BYTES = 2 ** 31 - 1;
