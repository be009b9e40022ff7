/** A disk made of parts of its content: sparse, whole by itself, and in its place only when it is whole. */
import { rm } from "node:fs/promises";
import { exists, moveDurable, syncFile } from "../../../../base/durable.ts";
import { EngineError } from "../../../../base/errors.ts";
import type { Block } from "../../points.ts";
import { makeDisk } from "../disk.ts";
import type { Door } from "../door.ts";
import type { NbdClient } from "./nbd.ts";
import { serveDisk } from "./server.ts";

/** Writes under way at once. */
const AT_ONCE = 8;

export async function writeDisk(
  tools: { qemuImg: string; qemuNbd: string; socket: string; door: Door },
  { file, sizeBytes }: { file: string; sizeBytes: number },
  blocks: AsyncIterable<Block>,
  signal: AbortSignal,
): Promise<void> {
  if (await exists(file)) {
    throw new EngineError("already-exists", `cannot write the disk ${file}: there is one`, {
      hint: "Nothing is written over; move it away first.",
    });
  }
  const temporary = `${file}.tmp`;
  await rm(temporary, { force: true });
  try {
    const { qemuImg, qemuNbd: program, socket, door } = tools;
    const how = { signal, doing: "write the disk" };
    await makeDisk([qemuImg, "create"], [temporary, String(sizeBytes)], door, how);
    const server = await serveDisk({ program, door, socket, file: temporary, writable: true }, signal);
    try {
      await writeAll(server.client, blocks, signal);
      await server.client.flush({ signal });
    } finally {
      await server.end();
    }
    signal.throwIfAborted();
    await syncFile(temporary);
    await moveDurable(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What it held becomes what the blocks say, and zeros. Its snapshots stay what they are. */
export async function overwriteDisk(
  tools: { qemuNbd: string; socket: string; door: Door },
  file: string,
  blocks: AsyncIterable<Block>,
  signal: AbortSignal,
): Promise<void> {
  const { qemuNbd: program, socket, door } = tools;
  const server = await serveDisk({ program, door, socket, file, writable: true }, signal);
  try {
    await writeAll(server.client, withZeros(server.client, blocks, signal), signal);
    await server.client.flush({ signal });
  } finally {
    await server.end();
  }
  signal.throwIfAborted();
  await syncFile(file);
}

/** The same blocks; what is between them is zero before the next comes. */
async function* withZeros(
  client: NbdClient,
  blocks: AsyncIterable<Block>,
  signal: AbortSignal,
): AsyncGenerator<Block> {
  let at = 0;
  for await (const block of blocks) {
    if (block.offset < at) throw new RangeError(`the block at ${block.offset} is not in its place`);
    await client.zero(at, block.offset - at, { signal });
    yield block;
    at = block.offset + block.data.length;
  }
  await client.zero(at, client.size - at, { signal });
}

async function writeAll(client: NbdClient, blocks: AsyncIterable<Block>, signal: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for await (const { offset, data } of blocks) {
    signal.throwIfAborted();
    if (offset < 0 || offset + data.length > client.size) {
      const reason = `${data.length} bytes at ${offset} are beyond its ${client.size}`;
      throw new EngineError("invalid-argument", `cannot write the disk: ${reason}`);
    }
    const write = client.write(offset, data, { signal }).finally(() => underWay.delete(write));
    underWay.add(write);
    write.catch(() => {});
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}
