/** Names in a repository are SHA-256 sums: 32 bytes, in files as 64 lower-case hex digits. */
import { hash } from "node:crypto";

export const ID_BYTES = 32;

/** Ids one after the other, as a file's content is kept: a disk of 1 TiB has two million. */
export type IdList = Uint8Array;

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

export function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return Buffer.from(text, "hex");
}

/** The id at a place in a list, without a copy. */
export function idAt(list: IdList, index: number): Uint8Array {
  return list.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
}

export function idCount(list: IdList): number {
  return list.length / ID_BYTES;
}
