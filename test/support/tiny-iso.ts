/** A bootable ISO of a few sectors: its BIOS program writes a text to the serial port and halts. */
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

export async function tinyIso(file: string, text: string): Promise<string> {
  const folder = `${file}.files`;
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "boot.bin"), bootProgram(text));
  const boot = ["-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4"];
  await run(["genisoimage", "-quiet", "-V", "TINY", ...boot, "-o", file, folder]);
  await rm(folder, { recursive: true });
  return file;
}
