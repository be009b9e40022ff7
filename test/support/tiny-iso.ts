/** Bootable ISOs of a few sectors, with a program of the BIOS that says something, or that writes to the disk. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { run } from "../../src/base/run.ts";

const SECTOR = 2048;
/** Where a BIOS loads it, and where the text begins in it. */
const LOADED_AT = 0x7c00;
const TEXT_AT = 35;

/**
 * cli; ds = 0; si = text; for each byte: wait for the transmitter of COM1, send; then halt for ever.
 */
export function bootProgram(text: string): Buffer {
  const code = Buffer.from(
    "fa31c08ed8be0000fcac84c0741288c3bafd03eca82074fb88d8baf803eeebe9f4ebfd".replace(/\s/g, ""),
    "hex",
  );
  code.writeUInt16LE(LOADED_AT + TEXT_AT, 6);
  const image = Buffer.alloc(SECTOR);
  code.copy(image);
  image.write(`${text}\r\n\0`, TEXT_AT, "latin1");
  return image;
}

export function tinyIso(file: string, text: string): Promise<string> {
  return isoOf(file, bootProgram(text));
}

/**
 * Writes itself to the first sector of the first disk, so that this boots from then on; then, eight times at each tick of
 * the clock (18 a second), 4 KiB to a place within its first 256 MiB that the processor's counter and chance choose. Made by
 * `as` of:
 *
 *   ds = es = ss = 0; sp = 0x7c00; write(1 sector from 0x7c00 to sector 0); ebx = rdtsc
 *   tick: hlt; 8 times: ebx = ebx * 1664525 + 1013904223; [0x8000] = [0x8f00] = ebx;
 *         write(8 sectors from 0x8000 to sector ((ebx >> 8) & 0x7fff8) + 64)
 *   write: int 0x13, ah = 0x43, dl = 0x80, si = its packet
 */
export function scribbleProgram(): Buffer {
  const code = Buffer.from(
    "31c08ed88ec08ed0bc007cfbc7067c7c0100c7067e7c007c66c706827c00000000e84900c7067c7c0800c7067e7c00800f316689c3f4b90800" +
      "6669db0d6619006681c35ff36e3c6689d866c1e8086625f8ff07006683c04066a3827c66891e008066891e008fe80400e2ceebc860b80043" +
      "b280be7a7ccd1361c31000",
    "hex",
  );
  const image = Buffer.alloc(SECTOR);
  code.copy(image);
  image.writeUInt16BE(0x55aa, 510);
  return image;
}

/** A bootable ISO of that program. */
export async function isoOf(file: string, program: Buffer): Promise<string> {
  const folder = `${file}.files`;
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "boot.bin"), program);
  const boot = ["-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4"];
  await run(["genisoimage", "-quiet", "-V", "TINY", ...boot, "-o", file, folder]);
  await rm(folder, { recursive: true });
  return file;
}
