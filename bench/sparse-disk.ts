/** A large disk of which little is not empty, and changes all over it. */
import { randomFillSync } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { run } from "../src/base/run.ts";
import { MIB, random } from "../test/support/repository-world.ts";

const PARTS = 16;

/** What of this host's programs fits, in parts that are spread over an empty disk. */
export async function makeSparseDisk(file: string, sizeBytes: number, dataBytes: number): Promise<void> {
  await run(["sh", "-c", `tar -C / -cf - usr 2>/dev/null | head -c ${dataBytes} > "$0"`, `${file}.data`]);
  const data = await open(`${file}.data`, "r");
  const target = await open(file, "w");
  await target.truncate(sizeBytes);
  const part = Math.floor(dataBytes / PARTS / MIB) * MIB;
  for (let at = 0; at < dataBytes; at += MIB) {
    const { buffer } = await data.read(Buffer.alloc(MIB), 0, MIB, at);
    await target.write(buffer, 0, MIB, Math.floor(at / part) * Math.floor(sizeBytes / PARTS) + (at % part));
  }
  await data.close();
  await target.close();
  await rm(`${file}.data`);
}

export type Scattered = { slots: readonly number[]; slotBytes: number; bytes: Buffer };

/** New content for so many places of 64 KiB, in the order of the disk. */
export function scattered(sizeBytes: number, count: number): Scattered {
  const slotBytes = 64 * 1024;
  const next = random(1);
  const slots = new Set<number>();
  while (slots.size < count) slots.add(Math.floor((next() * sizeBytes) / slotBytes));
  const bytes = randomFillSync(Buffer.alloc(count * slotBytes));
  return { slots: [...slots].sort((a, b) => a - b), slotBytes, bytes };
}

export async function writeScattered(file: string, { slots, slotBytes, bytes }: Scattered): Promise<void> {
  const handle = await open(file, "r+");
  for (const [index, slot] of slots.entries())
    await handle.write(bytes, index * slotBytes, slotBytes, slot * slotBytes);
  await handle.close();
}
