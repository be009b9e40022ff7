/** The bytes of files in guests: several requests are under way at once, as each takes its time there and back. */
import type { Handle, Sftp } from "./sftp.ts";

/** What every SFTP server takes in one request, and how many of them are under way. */
const CHUNK_BYTES = 32 * 1024;
const REQUESTS = 16;
/** What a guest copies by itself in one request: an answer comes while it is waited for. */
const COPY_BYTES = 64 * 2 ** 20;

export type Open = { sftp: Sftp; handle: Handle };

/** From the start to the end, whatever size is told: those of /proc have none. Throws what `onHeld` does. */
export async function* contentOf(open: Open, size: number): AsyncGenerator<Buffer> {
  const width = Math.min(REQUESTS, Math.floor(size / CHUNK_BYTES) + 1);
  const underway: Promise<Buffer>[] = [];
  let asked = 0;
  try {
    for (;;) {
      for (; underway.length < width; asked += CHUNK_BYTES) underway.push(chunkAt(open, asked));
      const part = (await underway.shift()) as Buffer;
      yield part;
      if (part.length < CHUNK_BYTES) return;
    }
  } finally {
    await Promise.allSettled(underway);
  }
}

/** Resolves when all of it was taken. */
export async function fill(
  { sftp, handle }: Open,
  parts: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const underway: Promise<void>[] = [];
  let at = 0;
  try {
    for await (const part of parts) {
      if (underway.length === REQUESTS) await underway.shift();
      underway.push(sftp.write(handle, at, part));
      at += part.length;
    }
    await Promise.all(underway);
  } finally {
    await Promise.allSettled(underway);
  }
}

export function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/** Inside the guest where it can do that, else by way of here. `to` is empty. */
export async function copyContent(from: Open, to: Open, size: number): Promise<void> {
  if (from.sftp !== to.sftp || !from.sftp.copiesData || size === 0) return fill(to, contentOf(from, size));
  for (let at = 0; at < size; at += COPY_BYTES)
    await from.sftp.copyData(from.handle, to.handle, at, Math.min(COPY_BYTES, size - at));
}

/** Shorter only at the file's end: a server may give less than it was asked for. */
async function chunkAt({ sftp, handle }: Open, offset: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let held = 0;
  while (held < CHUNK_BYTES) {
    const part = await sftp.read(handle, offset + held, CHUNK_BYTES - held);
    if (!part || part.length === 0) break;
    parts.push(part);
    held += part.length;
  }
  return Buffer.concat(parts);
}
