/**
 * A small writer of ISO 9660 images with Joliet names, enough for cloud-init's seeds: one directory of files.
 *
 * Sources: ECMA-119 (ISO 9660) for the primary structures, Microsoft's Joliet specification for the supplementary
 * volume descriptor with UCS-2 names. All numbers are written both-endian where the standard says so.
 */
import { EngineError } from "../../base/errors.ts";

const SECTOR = 2048;
/** Sectors 0–15 are the system area; then primary, Joliet and terminating descriptors. */
const PRIMARY_SECTOR = 16;
const FIRST_FREE_SECTOR = 19;
/** Joliet allows 64 UCS-2 units in a name. */
const MAX_NAME = 64;

export type IsoFile = { name: string; data: Uint8Array };

type Names = { identifier: (file: IsoFile, index: number) => Buffer };
type Extent = { sector: number; bytes: number };

/** The image's bytes. Names are 1–64 UTF-16 units without `/ \ : ; * ?` and controls, and unique. */
export function buildIso(input: { volumeId: string; files: readonly IsoFile[]; date?: Date }): Buffer {
  const { volumeId, files } = input;
  checkNames(files);
  const date = input.date ?? new Date();
  const primary: Names = {
    identifier: (_file, index) => Buffer.from(`F${String(index).padStart(7, "0")}.;1`, "ascii"),
  };
  const joliet: Names = { identifier: (file) => ucs2(file.name) };
  // ISO 9660 wants a directory's records in the order of their identifiers.
  const order = [...files].sort((a, b) => Buffer.compare(ucs2(a.name), ucs2(b.name)));

  let next = FIRST_FREE_SECTOR;
  const take = (bytes: number): Extent => {
    const extent = { sector: next, bytes };
    next += Math.max(1, Math.ceil(bytes / SECTOR));
    return extent;
  };
  const tables = [take(10), take(10), take(10), take(10)] as const;
  const primaryRoot = take(directorySize(order, primary));
  const jolietRoot = take(directorySize(order, joliet));
  const extents = order.map((file) => take(file.data.length));

  const image = Buffer.alloc(next * SECTOR);
  const put = (data: Uint8Array, sector: number) => image.set(data, sector * SECTOR);
  put(
    volumeDescriptor(
      1,
      Buffer.from(volumeId.toUpperCase(), "ascii"),
      0x20,
      next,
      primaryRoot,
      tables[0],
      tables[1],
      date,
    ),
    PRIMARY_SECTOR,
  );
  put(
    volumeDescriptor(2, ucs2(volumeId), 0x00, next, jolietRoot, tables[2], tables[3], date),
    PRIMARY_SECTOR + 1,
  );
  put(Buffer.from([255, ...Buffer.from("CD001", "ascii"), 1]), PRIMARY_SECTOR + 2);
  for (const [index, table] of tables.entries()) {
    put(pathTable(index < 2 ? primaryRoot : jolietRoot, index % 2 === 1), table.sector);
  }
  put(directory(order, extents, primaryRoot, primary, date), primaryRoot.sector);
  put(directory(order, extents, jolietRoot, joliet, date), jolietRoot.sector);
  for (const [index, file] of order.entries()) put(file.data, extents[index]?.sector ?? 0);
  return image;
}

function checkNames(files: readonly IsoFile[]): void {
  const seen = new Set<string>();
  for (const { name } of files) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
    if (name.length < 1 || name.length > MAX_NAME || /[/\\:;*?\u0000-\u001f]/.test(name) || seen.has(name)) {
      throw new EngineError(
        "invalid-argument",
        `cannot write a seed: ${JSON.stringify(name)} cannot be a file name in it`,
      );
    }
    seen.add(name);
  }
}

function ucs2(text: string): Buffer {
  return Buffer.from(text, "utf16le").swap16();
}

/** A directory record's length is even, and no record crosses a sector's end. */
function recordLength(identifier: Buffer): number {
  return 33 + identifier.length + (identifier.length % 2 === 0 ? 1 : 0);
}

function placeRecords(lengths: readonly number[]): { offsets: number[]; bytes: number } {
  let at = 0;
  const offsets = lengths.map((length) => {
    if ((at % SECTOR) + length > SECTOR) at = Math.ceil(at / SECTOR) * SECTOR;
    const offset = at;
    at += length;
    return offset;
  });
  return { offsets, bytes: Math.ceil(at / SECTOR) * SECTOR };
}

function identifiers(files: readonly IsoFile[], names: Names): Buffer[] {
  return [Buffer.from([0]), Buffer.from([1]), ...files.map((file, index) => names.identifier(file, index))];
}

function directorySize(files: readonly IsoFile[], names: Names): number {
  return placeRecords(identifiers(files, names).map(recordLength)).bytes;
}

function directory(
  files: readonly IsoFile[],
  extents: readonly Extent[],
  self: Extent,
  names: Names,
  date: Date,
): Buffer {
  const ids = identifiers(files, names);
  const { offsets } = placeRecords(ids.map(recordLength));
  const data = Buffer.alloc(self.bytes);
  for (const [index, id] of ids.entries()) {
    const extent = index < 2 ? self : extents[index - 2];
    if (extent) directoryRecord(id, extent, index < 2, date).copy(data, offsets[index]);
  }
  return data;
}

function directoryRecord(identifier: Buffer, extent: Extent, isDirectory: boolean, date: Date): Buffer {
  const record = Buffer.alloc(recordLength(identifier));
  record[0] = record.length;
  bothEndian32(record, 2, extent.sector);
  bothEndian32(record, 10, extent.bytes);
  record.set(
    [
      date.getUTCFullYear() - 1900,
      date.getUTCMonth() + 1,
      date.getUTCDate(),
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
      0,
    ],
    18,
  );
  record[25] = isDirectory ? 2 : 0;
  bothEndian16(record, 28, 1);
  record[32] = identifier.length;
  identifier.copy(record, 33);
  return record;
}

function pathTable(root: Extent, bigEndian: boolean): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (bigEndian) {
    table.writeUInt32BE(root.sector, 2);
    table.writeUInt16BE(1, 6);
  } else {
    table.writeUInt32LE(root.sector, 2);
    table.writeUInt16LE(1, 6);
  }
  return table;
}

function volumeDescriptor(
  type: 1 | 2,
  volumeId: Buffer,
  fill: number,
  sectors: number,
  root: Extent,
  little: Extent,
  big: Extent,
  date: Date,
): Buffer {
  const d = Buffer.alloc(SECTOR);
  d[0] = type;
  d.write("CD001", 1, "ascii");
  d[6] = 1;
  const blank = (start: number, end: number) => fillText(d, start, end, fill, type === 2);
  blank(8, 40);
  blank(40, 72);
  volumeId.copy(d, 40, 0, 32);
  bothEndian32(d, 80, sectors);
  if (type === 2) d.write("%/E", 88, "ascii"); // Joliet, UCS-2 level 3.
  bothEndian16(d, 120, 1);
  bothEndian16(d, 124, 1);
  bothEndian16(d, 128, SECTOR);
  bothEndian32(d, 132, 10);
  d.writeUInt32LE(little.sector, 140);
  d.writeUInt32BE(big.sector, 148);
  directoryRecord(Buffer.from([0]), root, true, date).copy(d, 156);
  blank(190, 813);
  for (const at of [813, 830]) longDate(d, at, date);
  for (const at of [847, 864]) d.fill("0", at, at + 16, "ascii");
  d[881] = 1;
  return d;
}

/** Unused text is spaces: one byte each in ISO 9660, two in Joliet. */
function fillText(d: Buffer, start: number, end: number, fill: number, wide: boolean): void {
  d.fill(fill, start, end);
  if (wide) for (let at = start + 1; at < end; at += 2) d[at] = 0x20;
}

function longDate(d: Buffer, at: number, date: Date): void {
  d.write(`${date.toISOString().replace(/\D/g, "").slice(0, 14)}00`, at, "ascii");
}

function bothEndian32(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32LE(value, at);
  buffer.writeUInt32BE(value, at + 4);
}

function bothEndian16(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt16LE(value, at);
  buffer.writeUInt16BE(value, at + 2);
}
