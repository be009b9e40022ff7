/**
 * The blocks of a tar that say what follows them, as POSIX (ustar, pax) has them. Pure.
 *
 * Names, targets of links and names of attributes are bytes: each stands in a string as one character (latin1).
 */
import { formatPax, type Pax, type PaxRecord } from "./pax.ts";
import { TarError } from "./tar-error.ts";

export const BLOCK_BYTES = 512;

export type TarType = "file" | "link" | "symlink" | "chardev" | "dev" | "dir" | "fifo";

export type TarXattr = { name: string; value: Uint8Array };

export type TarHeader = {
  name: string;
  type: TarType;
  /** The twelve bits of Unix. */
  mode: number;
  uid: number;
  gid: number;
  /** Of what follows; 0 of all but a file. */
  size: number;
  mtimeNs: bigint;
  /** What a symlink says; of a hard link, the name in the tar that it is another name of. */
  linkName: string;
  major: number;
  minor: number;
  xattrs: readonly TarXattr[];
};

/** A block as it stands there: its type is a character, of which some say something of the next block. */
export type RawHeader = Omit<TarHeader, "type" | "xattrs"> & { flag: string };

const TYPES: Record<TarType, string> = {
  ...{ file: "0", link: "1", symlink: "2", chardev: "3", dev: "4", dir: "5", fifo: "6" },
};
const FLAGS: Record<string, TarType> = {
  ...Object.fromEntries(Object.entries(TYPES).map(([type, flag]) => [flag, type as TarType])),
  // As the first tars had a file, and as those had one that wants its place unbroken.
  "\0": "file",
  "7": "file",
};

/** Where each field is: from, to. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 108],
  uid: [108, 116],
  gid: [116, 124],
  size: [124, 136],
  mtime: [136, 148],
  sum: [148, 156],
  flag: [156, 157],
  linkName: [157, 257],
  magic: [257, 265],
  major: [329, 337],
  minor: [337, 345],
  prefix: [345, 500],
} as const;
type Field = keyof typeof FIELDS;

const POSIX = "ustar\0";
const MAGIC = `${POSIX}00`;
const XATTR = "SCHILY.xattr.";
const NS = 1_000_000_000n;

/** Undefined for a block of zeros, which ends a tar. Throws `TarError` for what is none of a tar. */
export function parseHeader(block: Buffer): RawHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (numberIn(block, "sum") !== sumOf(block)) throw new TarError("the sum of a header is not right");
  const isPosix = textIn(block, "magic").startsWith("ustar") && block[FIELDS.magic[0] + 5] === 0;
  const prefix = isPosix ? textIn(block, "prefix") : "";
  const name = textIn(block, "name");
  const isDevice = /[34]/.test(flagIn(block));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    flag: flagIn(block),
    mode: numberIn(block, "mode") % 0o10000,
    uid: numberIn(block, "uid"),
    gid: numberIn(block, "gid"),
    size: numberIn(block, "size"),
    mtimeNs: BigInt(numberIn(block, "mtime", -Number.MAX_SAFE_INTEGER)) * NS,
    linkName: textIn(block, "linkName"),
    // Others' fields are empty, or anything.
    major: isDevice ? numberIn(block, "major") : 0,
    minor: isDevice ? numberIn(block, "minor") : 0,
  };
}

/** What a block says together with what was said of it before. */
export function headerOf(raw: RawHeader, pax: Pax): TarHeader {
  if ([...pax.keys()].some((key) => key.startsWith("GNU.sparse.")))
    throw new TarError("a file in it has holes, which are not understood");
  const { flag, ...rest } = raw;
  const type = FLAGS[flag];
  if (type === undefined) throw new TarError(`something of the type ${JSON.stringify(flag)} is in it`);
  const name = pax.get("path")?.toString("latin1") ?? rest.name;
  // The first tars had no type for directories.
  const isOldDirectory = type === "file" && name.endsWith("/");
  const own = isOldDirectory ? "dir" : type;
  return {
    ...rest,
    ...{ name, type: own, size: own === "file" ? (paxNumber(pax, "size") ?? rest.size) : 0 },
    uid: paxNumber(pax, "uid") ?? rest.uid,
    gid: paxNumber(pax, "gid") ?? rest.gid,
    mtimeNs: paxTime(pax) ?? rest.mtimeNs,
    linkName: pax.get("linkpath")?.toString("latin1") ?? rest.linkName,
    xattrs: [...pax]
      .filter(([key]) => key.startsWith(XATTR) && key.length > XATTR.length)
      .map(([key, value]) => ({ name: key.slice(XATTR.length), value })),
  };
}

/** One or more blocks; what does not fit into one is said in a pax header before it. */
export function formatHeader(header: TarHeader): Buffer {
  const records = paxOf(header);
  const block = blockOf(header, TYPES[header.type]);
  if (records.length === 0) return block;
  const text = formatPax(records);
  const before = { ...header, name: "PaxHeaders/0", linkName: "", size: text.length, mode: 0o644 };
  const padding = Buffer.alloc(paddingOf(text.length));
  return Buffer.concat([blockOf({ ...before, mtimeNs: 0n }, "x"), text, padding, block]);
}

/** How long that is. */
export function headerBytes(header: TarHeader): number {
  const records = paxOf(header);
  if (records.length === 0) return BLOCK_BYTES;
  const said = formatPax(records).length;
  return 2 * BLOCK_BYTES + said + paddingOf(said);
}

/** How many zeros follow so many bytes. */
export function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function paxOf({ name, linkName, uid, gid, size, mtimeNs, xattrs }: TarHeader): PaxRecord[] {
  const text = (key: string, value: string): PaxRecord => [key, Buffer.from(value, "latin1")];
  return [
    ...(name.length > lengthOf("name") ? [text("path", name)] : []),
    ...(linkName.length > lengthOf("linkName") ? [text("linkpath", linkName)] : []),
    ...(fits("uid", uid) ? [] : [text("uid", String(uid))]),
    ...(fits("gid", gid) ? [] : [text("gid", String(gid))]),
    ...(fits("size", size) ? [] : [text("size", String(size))]),
    ...(mtimeNs % NS === 0n && fits("mtime", Number(mtimeNs / NS)) ? [] : [text("mtime", timeText(mtimeNs))]),
    ...xattrs.map((xattr): PaxRecord => [`${XATTR}${xattr.name}`, Buffer.from(xattr.value)]),
  ];
}

function blockOf(header: TarHeader, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const text = (field: Field, value: string) =>
    block.write(value.slice(0, lengthOf(field)), FIELDS[field][0], "latin1");
  // What does not fit stands in the pax header, and is not read here.
  const number = (field: Field, value: number) =>
    text(field, `${octal(fits(field, value) ? value : 0, field)}\0`);
  text("name", header.name);
  number("mode", header.mode);
  number("uid", header.uid);
  number("gid", header.gid);
  number("size", header.size);
  number("mtime", Number(header.mtimeNs / NS));
  text("flag", flag);
  text("linkName", header.linkName);
  text("magic", MAGIC);
  number("major", header.major);
  number("minor", header.minor);
  text("sum", `${sumOf(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

function lengthOf(field: Field): number {
  const [from, to] = FIELDS[field];
  return to - from;
}

/** In octal digits, one of which is left for a zero. */
function fits(field: Field, value: number): boolean {
  return value >= 0 && value < 8 ** (lengthOf(field) - 1);
}

function octal(value: number, field: Field): string {
  return value.toString(8).padStart(lengthOf(field) - 1, "0");
}

function bytesIn(block: Buffer, field: Field): Buffer {
  return block.subarray(...FIELDS[field]);
}

function flagIn(block: Buffer): string {
  return bytesIn(block, "flag").toString("latin1");
}

function textIn(block: Buffer, field: Field): string {
  return cString(bytesIn(block, field));
}

/** Up to the first zero. */
export function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

/** In octal digits, or, with its first bit set, as a number of its bytes. */
function numberIn(block: Buffer, field: Field, least = 0): number {
  const bytes = bytesIn(block, field);
  const value = (bytes[0] ?? 0) & 0x80 ? binary(bytes) : Number(`0o${cString(bytes).trim() || "0"}`);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TarError(`the field ${field} of a header is no number of that kind`);
}

function binary(bytes: Buffer): number {
  const [first = 0, ...rest] = bytes;
  const start = first & 0x40 ? BigInt(first & 0x7f) - 0x80n : BigInt(first & 0x7f);
  return Number(rest.reduce((sum, byte) => sum * 256n + BigInt(byte), start));
}

function sumOf(block: Buffer): number {
  const [from, to] = FIELDS.sum;
  return block.reduce((sum, byte, at) => sum + (at >= from && at < to ? 0x20 : byte), 0);
}

function paxNumber(pax: Pax, key: string): number | undefined {
  const text = pax.get(key)?.toString("latin1");
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TarError(`${key} in a pax header is no number`);
}

/** Seconds since 1970, with a fraction or not. */
function paxTime(pax: Pax): bigint | undefined {
  const text = pax.get("mtime")?.toString("latin1");
  if (text === undefined) return undefined;
  const [, sign, seconds, fraction = ""] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined) throw new TarError("mtime in a pax header is no time");
  const ns = BigInt(seconds) * NS + BigInt(fraction.padEnd(9, "0").slice(0, 9));
  return sign === "-" ? -ns : ns;
}

function timeText(ns: bigint): string {
  const [sign, size] = ns < 0n ? ["-", -ns] : ["", ns];
  const fraction = String(size % NS)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${size / NS}${fraction === "" ? "" : `.${fraction}`}`;
}
