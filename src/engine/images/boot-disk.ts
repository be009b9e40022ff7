/**
 * The partition table and boot sectors of a built image. Pure: numbers and bytes in, numbers and bytes out.
 * Numbered as published cloud images are: 1 root (last, so that it can grow), 14 BIOS boot, 15 EFI system.
 */

export const SECTOR = 512;
const MIB = 2 ** 20 / SECTOR;

export type Partition = { number: number; start: number; size: number; type: string; name: string };
export type Layout = { sectors: number; bios: Partition; efi: Partition; root: Partition };

const BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649";
const EFI_SYSTEM = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/** "Linux root (x86-64)" of the Discoverable Partitions Specification. */
const ROOT_X86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

/** Starts and sizes in sectors; the last MiB is left to the backup table. */
export function layoutFor(virtualBytes: number): Layout {
  const sectors = Math.floor(virtualBytes / SECTOR);
  const bios = { number: 14, start: MIB, size: MIB, type: BIOS_BOOT, name: "bios" };
  const efi = { number: 15, start: 2 * MIB, size: 32 * MIB, type: EFI_SYSTEM, name: "esp" };
  const start = efi.start + efi.size;
  const root = { number: 1, start, size: sectors - start - MIB, type: ROOT_X86_64, name: "root" };
  return { sectors, bios, efi, root };
}

/** The script that makes `sfdisk` write this layout. */
export function sfdiskScript(layout: Layout): string {
  const rows = [layout.root, layout.bios, layout.efi].map(
    (part) => `${part.number} : start=${part.start}, size=${part.size}, type=${part.type}, name=${part.name}`,
  );
  return ["label: gpt", "unit: sectors", "first-lba: 34", ...rows, ""].join("\n");
}

/** Offsets in GRUB's boot.img (`include/grub/i386/pc/boot.h`): sector of the core image, and the drive check. */
const KERNEL_SECTOR = 0x5c;
const DRIVE_CHECK = 0x66;
/** Where the partition table of a master boot record begins; what lies there stays. */
const TABLE = 0x1b8;
/** Offset of the first block list entry in GRUB's core.img: 64-bit start, 16-bit length, 16-bit segment. */
const BLOCK_LIST = SECTOR - 12;

/** The master boot record: GRUB's boot code that loads the core image at `coreStart`, before the existing table. */
export function bootRecord(bootImage: Uint8Array, existing: Uint8Array, coreStart: number): Buffer {
  if (bootImage.length !== SECTOR || existing.length !== SECTOR)
    throw new RangeError(`a boot record has ${SECTOR} bytes`);
  const record = Buffer.from(bootImage);
  record.writeBigUInt64LE(BigInt(coreStart), KERNEL_SECTOR);
  // Two no-ops in place of the jump: some firmware does not say which drive it booted from.
  record.writeUInt16LE(0x9090, DRIVE_CHECK);
  record.set(existing.subarray(TABLE), TABLE);
  return record;
}

/** The core image made to load its own rest from `coreStart` + 1. Throws when it does not fit into `sectors`. */
export function placeCore(core: Uint8Array, coreStart: number, sectors: number): Buffer {
  if (core.length <= SECTOR || Math.ceil(core.length / SECTOR) > sectors)
    throw new RangeError(`a core image of ${core.length} bytes does not fit into ${sectors} sectors`);
  const placed = Buffer.from(core);
  placed.writeBigUInt64LE(BigInt(coreStart + 1), BLOCK_LIST);
  placed.writeUInt16LE(Math.ceil(core.length / SECTOR) - 1, BLOCK_LIST + 8);
  return placed;
}
