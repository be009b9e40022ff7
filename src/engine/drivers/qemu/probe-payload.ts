/**
 * A guest of 213 bytes that tells a working accelerator from one that merely opens: it goes from real through
 * protected to long mode, counts 50 million times in ring 0, says `RPLK` on the debug console and leaves with exit
 * status 33. On hosts where ring 0 is emulated it does not get to the end in time.
 */
const CODE =
  "fab052e6e98cc88ed80f0116d0000f20c00c010f22c066ea1e000f00080066b810008ed88ec08ed0b050e6e9bf0010000031" +
  "c0b9000c0000f3abc7050010000003200000c7050020000003300000c7050030000083000000b8001000000f22d80f20e083" +
  "c8200f22e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea89000f001800b04ce6e9b8010000000fa2b980" +
  "f0fa02ffc975fcb04be6e9b810000000e7f4f4ebfd8db40000900000000000000000ffff0000009bcf00ffff00000093cf00" +
  "ffff0000009baf001f00b0000f";

/** A jump from the reset vector to the first byte. */
const RESET = "ea000000f0";
const RESET_OFFSET = 0xfff0;
const BIOS_BYTES = 64 * 1024;

export const EXPECTED_EXIT = 33;
export const EXPECTED_WORD = "RPLK";

/** A BIOS image with the payload in it. */
export function probeBios(): Buffer {
  const image = Buffer.alloc(BIOS_BYTES);
  Buffer.from(CODE, "hex").copy(image, 0);
  Buffer.from(RESET, "hex").copy(image, RESET_OFFSET);
  return image;
}
