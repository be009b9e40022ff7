/** How everything in a repository is sealed: AES-256-CTR, then Poly1305-AES over what came out. `IV ‖ ciphertext ‖ MAC`. */
import { createCipheriv, randomFillSync, timingSafeEqual } from "node:crypto";
import { poly1305 } from "./poly1305.ts";

const IV_BYTES = 16;
const MAC_BYTES = 16;

/** How many bytes longer a sealed text is. */
export const SEAL_BYTES = IV_BYTES + MAC_BYTES;

/** 32 bytes for AES-256, 16 for the AES-128 that makes the MAC's pads, 16 for Poly1305. */
export type MasterKey = {
  readonly encrypt: Uint8Array;
  readonly macK: Uint8Array;
  readonly macR: Uint8Array;
};

export function newMasterKey(): MasterKey {
  return masterKeyOf(randomFillSync(new Uint8Array(64)));
}

/** As scrypt gives it: encryption key, then the MAC's two. */
export function masterKeyOf(bytes: Uint8Array): MasterKey {
  return { encrypt: bytes.slice(0, 32), macK: bytes.slice(32, 48), macR: bytes.slice(48, 64) };
}

/** Seals into `target` at `at` and tells how many bytes it took: SEAL_BYTES more than the text has. */
export function sealInto(key: MasterKey, text: Uint8Array, target: Uint8Array, at: number): number {
  const iv = randomFillSync(target.subarray(at, at + IV_BYTES));
  const sealed = target.subarray(at + IV_BYTES, at + IV_BYTES + text.length);
  const encrypted = createCipheriv("aes-256-ctr", key.encrypt, iv).update(text);
  sealed.set(encrypted);
  discard(encrypted);
  target.set(macOf(key, iv, sealed), at + IV_BYTES + text.length);
  return text.length + SEAL_BYTES;
}

export function seal(key: MasterKey, text: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(text.length + SEAL_BYTES);
  sealInto(key, text, sealed, 0);
  return sealed;
}

/** The text, or undefined where key or bytes are not the right ones. */
export function unseal(key: MasterKey, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < SEAL_BYTES) return undefined;
  const iv = bytes.subarray(0, IV_BYTES);
  const sealed = bytes.subarray(IV_BYTES, bytes.length - MAC_BYTES);
  if (!timingSafeEqual(macOf(key, iv, sealed), bytes.subarray(bytes.length - MAC_BYTES))) return undefined;
  return createCipheriv("aes-256-ctr", key.encrypt, iv).update(sealed);
}

/**
 * Frees bytes at once that nobody else has. Those of a backup are half a megabyte each, and the collector, which sees but
 * their small handles, would let hundreds of them gather.
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // Small ones share a buffer of Node's with others.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

function macOf(key: MasterKey, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  const pad = createCipheriv("aes-128-ecb", key.macK, null).setAutoPadding(false).update(iv);
  return poly1305(sealed, Buffer.concat([key.macR, pad]));
}
