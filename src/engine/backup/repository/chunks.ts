/**
 * Files are cut into pieces of a fixed size. It is that of restic's own piece of zeros, which its `restore --sparse` makes
 * holes of; and pieces of a disk stay where they are, so that no search for better cuts is worth its time.
 */
import { sha256 } from "./ids.ts";

export const CHUNK_BYTES = 512 * 1024;

/** What restic cuts at most, and so what a piece in a repository may unpack to. */
export const MAX_DATA_BLOB_BYTES = 8 * 1024 * 1024;

/** A directory's list. It holds the ids of its files' pieces: this much describes 1.9 TiB of disks. */
export const MAX_TREE_BLOB_BYTES = 256 * 1024 * 1024;

export const ZEROS: Uint8Array = new Uint8Array(CHUNK_BYTES);
export const ZERO_CHUNK: Uint8Array = sha256(ZEROS);

export function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, bytes.length === CHUNK_BYTES ? ZEROS : ZEROS.subarray(0, bytes.length)) === 0;
}
