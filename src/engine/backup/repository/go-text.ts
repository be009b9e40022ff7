/**
 * Text as restic's language writes it, byte for byte: a tree's id is the sum of its text, so another way to write the same
 * name would be another tree.
 *
 * Names of files are bytes. Those that are no UTF-8 stand in a string as lone surrogates, U+DC80 to U+DCFF.
 */

const ESCAPED_BYTE = 0xdc00;
const FIRST_BAD = ESCAPED_BYTE + 0x80;
const LAST_BAD = ESCAPED_BYTE + 0xff;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function nameOfBytes(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return pieces(bytes).join("");
  }
}

/** The characters of bytes of which some are no UTF-8. */
function pieces(bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const character = [1, 2, 3, 4]
      .map((length) => characterAt(bytes, at, length))
      .find((text) => text !== undefined);
    found.push(character ?? String.fromCharCode(ESCAPED_BYTE + (bytes[at] ?? 0)));
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return found;
}

function characterAt(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (at + length > bytes.length) return undefined;
  try {
    return utf8.decode(bytes.subarray(at, at + length));
  } catch {
    return undefined;
  }
}

export function bytesOfName(name: string): Uint8Array {
  if (name.isWellFormed()) return Buffer.from(name);
  return Buffer.concat(
    Array.from(name, (character) => {
      const byte = badByte(character);
      return byte === undefined ? Buffer.from(character) : Buffer.of(byte);
    }),
  );
}

function badByte(character: string): number | undefined {
  const code = character.charCodeAt(0);
  return character.length === 1 && code >= FIRST_BAD && code <= LAST_BAD ? code - ESCAPED_BYTE : undefined;
}

/** As restic sorts: by bytes, which is not how strings compare here. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(bytesOfName(a), bytesOfName(b));
}

/** What that language prints as it is: letters, marks, numbers, punctuation, symbols and the space. */
const PRINTED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const PLAIN_NAME = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;
const SHORT: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A name as its quoted form has it between the quotes (Go's strconv.Quote). */
export function quoteName(name: string): string {
  if (PLAIN_NAME.test(name) && !/["\\]/.test(name)) return name;
  return Array.from(name, quoteCharacter).join("");
}

function quoteCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const byte = badByte(character);
  if (byte !== undefined) return `\\x${digits(byte, 2)}`;
  if (PRINTED.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${digits(code, 2)}`;
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd";
  return code < 0x10000 ? `\\u${digits(code, 4)}` : `\\U${digits(code, 8)}`;
}

function digits(number: number, length: number): string {
  return number.toString(16).padStart(length, "0");
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))|([^\\]+)|(\\)/gsu;
const UNESCAPED: Record<string, number> = {
  '"': 0x22,
  "\\": 0x5c,
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/** The name of a quoted form, or undefined where it is none. */
export function unquoteName(text: string): string | undefined {
  if (!/["\\\n]/.test(text)) return text.toWellFormed();
  const bytes: Uint8Array[] = [];
  for (const [, byte, short, long, octal, letter, plain, lone] of text.matchAll(ESCAPE)) {
    if (plain !== undefined) {
      if (/["\n]/.test(plain)) return undefined;
      bytes.push(Buffer.from(plain.toWellFormed()));
      continue;
    }
    const code = byte ?? short ?? long;
    const value = code
      ? Number.parseInt(code, 16)
      : octal
        ? Number.parseInt(octal, 8)
        : UNESCAPED[letter ?? ""];
    if (lone !== undefined || value === undefined || value > 0x10ffff) return undefined;
    if (octal && value > 0xff) return undefined;
    if ((short ?? long) === undefined) bytes.push(Buffer.of(value));
    else if (value >= 0xd800 && value <= 0xdfff) return undefined;
    else bytes.push(Buffer.from(String.fromCodePoint(value)));
  }
  return nameOfBytes(Buffer.concat(bytes));
}

/** A string as Go's encoding/json writes it. */
export function goString(text: string): string {
  // Escaped backslashes are matched first: what follows one is no escape.
  return JSON.stringify(text).replace(/\\\\|\\ud[89a-f][0-9a-f]{2}|[<>&\u2028\u2029]/g, (found) => {
    if (found.length === 1) return `\\u${digits(found.charCodeAt(0), 4)}`;
    return found.length === 2 ? found : "\\ufffd";
  });
}

const RFC3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** A time as Go writes it in UTC: nine digits at most, no zeros at the end. */
export function goTime(epochNs: bigint): string {
  const ns = ((epochNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((epochNs - ns) / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = ns === 0n ? "" : `.${String(ns).padStart(9, "0").replace(/0+$/, "")}`;
  return `${seconds}${fraction}Z`;
}

export function goTimeOfMs(epochMs: number): string {
  return goTime(BigInt(Math.round(epochMs)) * 1_000_000n);
}

/** Undefined where it is no time. */
export function epochNs(time: string): bigint | undefined {
  const [, seconds, fraction = "", zone] = RFC3339.exec(time) ?? [];
  const ms = Date.parse(`${seconds}${zone}`);
  if (seconds === undefined || Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
