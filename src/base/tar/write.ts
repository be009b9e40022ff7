/** Writes a tar: each entry after its header, and what ends it. */
import { BLOCK_BYTES, formatHeader, headerBytes, paddingOf, type TarHeader } from "./header.ts";
import { TarError } from "./tar-error.ts";

/** Two blocks of zeros. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** Bytes of one entry in a tar. Pure. */
export function entryBytes(header: TarHeader): number {
  return headerBytes(header) + header.size + paddingOf(header.size);
}

/** One entry. Throws `TarError` where its body is not as long as its header says: the tar is none then. */
export async function* tarEntry(
  header: TarHeader,
  body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield formatHeader(header);
  let left = header.size;
  for await (const bytes of body ?? []) {
    left -= bytes.length;
    if (left < 0) break;
    yield bytes;
  }
  if (left !== 0) throw new TarError(`${JSON.stringify(header.name)} has not the size that it should have`);
  const padding = paddingOf(header.size);
  if (padding > 0) yield Buffer.alloc(padding);
}

/** A file of ours, root's. */
export function plainFile(name: string, size: number): TarHeader {
  const none = { uid: 0, gid: 0, mtimeNs: 0n, linkName: "", major: 0, minor: 0, xattrs: [] };
  return { ...none, name, type: "file", mode: 0o644, size };
}
