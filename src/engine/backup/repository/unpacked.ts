/** How index, snapshots, locks and config lie in their files: JSON, compressed or not, sealed. */

import { discard, type MasterKey, seal, unseal } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { compress, decompress } from "./zstd.ts";

/** A first byte of this value says that compressed JSON follows; `{` and `[` begin plain JSON. */
const COMPRESSED = 2;
const PLAIN = new Set([0x5b, 0x7b]);

/** An index file names some 50,000 pieces in 10 MB; nothing else is as long. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

export function sealJson(key: MasterKey, json: string, options: { compressed: boolean }): Uint8Array {
  const text = Buffer.from(json);
  return seal(key, options.compressed ? Buffer.concat([Buffer.of(COMPRESSED), compress(text)]) : text);
}

/** What JSON the file holds, of no known shape. `what` names the file in errors. */
export function unsealJson(key: MasterKey, bytes: Uint8Array, what: string): unknown {
  return parseJson(unsealText(key, bytes, what), what);
}

/** The same, not parsed. */
export function unsealText(key: MasterKey, bytes: Uint8Array, what: string): Uint8Array {
  const text = unseal(key, bytes);
  if (!text) throw damaged(what, "its seal does not fit");
  return plainText(text, what);
}

export function parseJson(text: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString("utf8"));
  } catch (error) {
    throw damaged(what, "it is no JSON", error);
  }
}

function plainText(text: Uint8Array, what: string): Uint8Array {
  const first = text[0];
  if (first !== undefined && PLAIN.has(first)) return text;
  if (first !== COMPRESSED) throw damaged(what, `its encoding ${first ?? "of nothing"} is not known`);
  const plain = unpacked(text.subarray(1), MAX_UNPACKED_BYTES, what);
  discard(text);
  return plain;
}

/** Decompresses what comes from a repository, up to a limit. */
export function unpacked(bytes: Uint8Array, maxBytes: number, what: string): Uint8Array {
  try {
    return decompress(bytes, maxBytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (typeof code !== "string" || code === "missing-dependency") throw error;
    const reason =
      code === "ERR_BUFFER_TOO_LARGE" ? `it unpacks to more than ${maxBytes} bytes` : "it cannot be unpacked";
    throw damaged(what, reason, error);
  }
}
