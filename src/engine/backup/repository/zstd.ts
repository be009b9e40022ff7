/** Zstandard, where the runtime has it: Node from 22.15 and 23.8 on. */
import zlib from "node:zlib";
import { EngineError } from "../../../base/errors.ts";

export const HAS_ZSTD = typeof zlib.zstdCompressSync === "function";

/**
 * The fastest of the usual levels: of a system's disk it keeps within a tenth of what level 3 does, in half the time; and
 * a backup is in haste, for the instance is running.
 */
const LEVEL = 1;

/** Room for the output at once: in Node's usual pieces of 16 KiB, half as much time again would go into putting them together. */
const MAX_ROOM_BYTES = 1024 * 1024;

export function compress(bytes: Uint8Array): Uint8Array {
  return zlib.zstdCompressSync(bytes, {
    chunkSize: Math.min(MAX_ROOM_BYTES, bytes.length + (bytes.length >> 7) + 1024),
    params: { [zlib.constants.ZSTD_c_compressionLevel]: LEVEL },
  });
}

/** Throws where it is no such text, or would become longer than `maxBytes`. */
export function decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (!HAS_ZSTD)
    throw new EngineError(
      "missing-dependency",
      `cannot read the repository: it is compressed, and Node.js ${process.versions.node} cannot decompress it`,
      { hint: "Install Node.js 22.15 or newer, or name one in the environment variable BERTH_NODE." },
    );
  // Most of what is not known to be short unpacks to less than eight times its length.
  const room = Math.min(16 * MAX_ROOM_BYTES, Math.max(MAX_ROOM_BYTES, 8 * bytes.length));
  const chunkSize = Math.max(1024, Math.min(room, maxBytes));
  return zlib.zstdDecompressSync(bytes, { chunkSize, maxOutputLength: maxBytes });
}
