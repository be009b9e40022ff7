/** What is said of the next entry of a tar where its own header has no room: `length key=value` and a newline each. Pure. */
import { TarError } from "./tar-error.ts";

/** Values are bytes, and those of attributes any. */
export type PaxRecord = readonly [key: string, value: Buffer];
export type Pax = ReadonlyMap<string, Buffer>;

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** Digits of a length. */
const MAX_DIGITS = 10;

export function parsePax(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = bytes.toString("latin1", at, Math.max(at, Math.min(space, at + MAX_DIGITS + 1)));
    const end = at + (/^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(EQUALS, space);
    const isWhole = space > at && equals > space && equals < end && end <= bytes.length;
    if (!isWhole || bytes[end - 1] !== NEWLINE) throw new TarError("a pax header in it is damaged");
    records.set(bytes.toString("latin1", space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

export function formatPax(records: readonly PaxRecord[]): Buffer {
  return Buffer.concat(records.map(formatRecord));
}

/** Its length counts its own digits. A key ends where its value begins, and nothing in it can say otherwise. */
function formatRecord([key, value]: PaxRecord): Buffer {
  if (key.includes("=")) throw new TarError(`${JSON.stringify(key)} cannot be said in a pax header`);
  const rest = Buffer.concat([Buffer.from(` ${key}=`, "latin1"), value, Buffer.of(NEWLINE)]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
