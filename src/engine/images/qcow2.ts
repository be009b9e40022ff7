/** Looks at a file's first bytes to tell what it is, before any tool opens it. Pure: images are hostile until checked. */

/** Enough of a file's beginning for everything here. */
export const HEAD_BYTES = 64 * 1024;

export type FileKind = "qcow2" | "xz" | "zstd" | "gzip" | "raw" | "iso" | "other-disk" | "unknown";

const MAGIC: readonly [FileKind, string][] = [
  ["qcow2", "514649fb"],
  ["xz", "fd377a585a00"],
  ["zstd", "28b52ffd"],
  ["gzip", "1f8b08"],
  ["other-disk", "4b444d56"], // VMDK
  ["other-disk", Buffer.from("vhdxfile").toString("hex")],
  ["other-disk", Buffer.from("conectix").toString("hex")], // VHD
  ["other-disk", Buffer.from("<<< ").toString("hex")], // VDI
];

/** What a file is, by its first bytes. A raw disk needs a boot record or partition table: an error page is no disk. */
export function fileKind(head: Buffer): FileKind {
  const start = head.toString("hex", 0, 8);
  for (const [kind, magic] of MAGIC) if (start.startsWith(magic)) return kind;
  // A hybrid ISO has a boot record too, so this comes first.
  if (head.length >= 0x8006 && head.toString("latin1", 0x8001, 0x8006) === "CD001") return "iso";
  const bootRecord = head.length >= 512 && head.readUInt16LE(510) === 0xaa55;
  const guid = head.length >= 520 && head.toString("latin1", 512, 520) === "EFI PART";
  return bootRecord || guid ? "raw" : "unknown";
}

/** Bits of `incompatible_features` in a version 3 header (QEMU's `docs/interop/qcow2.txt`). */
const EXTERNAL_DATA = 1n << 2n;
const CORRUPT = 1n << 1n;
const KNOWN = 0b11111n;
/** More than anybody's disk, less than what makes tools fail in odd ways. */
const MAX_VIRTUAL_BYTES = 2 ** 46;

export type Qcow2Facts = { version: number; virtualBytes: number };

/** Reads a qcow2 header; a string is the reason why the image must not be used. */
export function checkQcow2(head: Buffer): Qcow2Facts | string {
  if (head.length < 72 || head.readUInt32BE(0) !== 0x514649fb) return "it is not a qcow2 image";
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return `it has qcow version ${version}, only 2 and 3 are supported`;
  if (head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(16) !== 0) return "it needs another file below it";
  if (head.readUInt32BE(32) !== 0) return "it is encrypted";
  const virtualBytes = Number(head.readBigUInt64BE(24));
  if (virtualBytes === 0 || virtualBytes > MAX_VIRTUAL_BYTES)
    return `it says that it has ${virtualBytes} bytes`;
  if (version === 2) return { version, virtualBytes };
  if (head.length < 104) return "its header is too short";
  const features = head.readBigUInt64BE(72);
  if (features & EXTERNAL_DATA) return "its data is in another file";
  if (features & CORRUPT) return "it is marked as corrupt";
  if (features & ~KNOWN) return "it has features that are not known";
  return { version, virtualBytes };
}
