/** What an NBD client reads, in a buffer of its own. */
import type { NbdClient } from "../../src/engine/drivers/qemu/points/nbd.ts";

export async function readBytes(
  client: NbdClient,
  offset: number,
  length: number,
  options: { signal?: AbortSignal } = {},
): Promise<Buffer> {
  const bytes = Buffer.alloc(length, 0xee);
  await client.read(offset, bytes, options);
  return bytes;
}
