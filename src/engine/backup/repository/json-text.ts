/**
 * Reads JSON value by value, by one who knows what should come. What JSON.parse would make of the index of a disk of 1 TiB
 * are two million objects, ten times as large as what is wanted of them. Throws where something else comes.
 */
import { ID_BYTES, type IdList } from "./ids.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;

/** Of each byte the value of the hex digit that it is, or 255. */
const DIGITS = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;

export class JsonText {
  readonly #text: Buffer;
  #at: number;

  constructor(text: Uint8Array, at = 0) {
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.length);
    this.#at = at;
  }

  /** Where it is: what comes next begins here. */
  get at(): number {
    this.#space();
    return this.#at;
  }

  /** An object; `value` is called at each value and reads it. */
  object(value: (key: string) => void): void {
    this.#list("{", "}", () => {
      const key = this.string();
      this.#expect(":");
      value(key);
    });
  }

  /** A list; `item` is called at each item and reads it. */
  array(item: () => void): void {
    this.#list("[", "]", item);
  }

  /** Whether null comes, and is read. */
  null(): boolean {
    this.#space();
    if (this.#text.toString("latin1", this.#at, this.#at + 4) !== "null") return false;
    this.#at += 4;
    return true;
  }

  /** A string, its escapes as they are: no word that is looked for has any. */
  string(): string {
    const start = this.at;
    this.#skipString();
    return this.#text.toString("utf8", start + 1, this.#at - 1);
  }

  /** An id, written to `ids` at `to`. */
  id(ids: Uint8Array, to: number): void {
    const start = this.at;
    const text = this.#text;
    if (text[start] !== QUOTE || text[start + 1 + 2 * ID_BYTES] !== QUOTE) this.#fail("no id");
    for (let byte = 0, from = start + 1; byte < ID_BYTES; byte++, from += 2) {
      const high = DIGITS[text[from] as number] as number;
      const low = DIGITS[text[from + 1] as number] as number;
      if ((high | low) > 15) this.#fail("no id");
      ids[to + byte] = high * 16 + low;
    }
    this.#at = start + 2 + 2 * ID_BYTES;
  }

  /** A list of ids. */
  ids(): IdList {
    const close = this.#text.indexOf(CLOSE_LIST, this.at);
    const ids = new Uint8Array(Math.ceil(Math.max(0, close - this.#at) / (2 * ID_BYTES + 2)) * ID_BYTES);
    let length = 0;
    this.array(() => {
      this.id(ids, length);
      length += ID_BYTES;
    });
    return ids.subarray(0, length);
  }

  /** A whole number that is not negative. */
  integer(): number {
    const start = this.at;
    let value = 0;
    for (let digit = this.#digit(); digit !== undefined; digit = this.#digit()) value = value * 10 + digit;
    if (this.#at === start || this.#at - start > 15) this.#fail("no number");
    return value;
  }

  /** Whatever comes. */
  skip(): void {
    let depth = 0;
    do {
      const byte = this.#text[this.at];
      if (byte === undefined) this.#fail("an end");
      if (byte === QUOTE) this.#skipString();
      else {
        if (byte === 0x7b || byte === 0x5b) depth++;
        if (byte === 0x7d || byte === 0x5d) depth--;
        this.#at++;
      }
    } while (depth > 0 || !this.#isAtEndOfValue());
  }

  /** Nothing but space is left. */
  end(): void {
    if (this.at !== this.#text.length) this.#fail("no end");
  }

  #isAtEndOfValue(): boolean {
    const byte = this.#text[this.at];
    return byte === 0x2c || byte === 0x7d || byte === 0x5d || byte === undefined;
  }

  #digit(): number | undefined {
    const value = (this.#text[this.#at] ?? 0) - 0x30;
    if (value < 0 || value > 9) return undefined;
    this.#at++;
    return value;
  }

  #list(open: string, close: string, item: () => void): void {
    this.#expect(open);
    if (this.#take(close)) return;
    do item();
    while (this.#take(","));
    this.#expect(close);
  }

  #skipString(): void {
    this.#expect('"');
    for (;;) {
      const quote = this.#text.indexOf(QUOTE, this.#at);
      if (quote === -1) this.#fail("no closing quote");
      let before = quote - 1;
      while (this.#text[before] === BACKSLASH) before--;
      this.#at = quote + 1;
      if ((quote - 1 - before) % 2 === 0) return;
    }
  }

  #expect(character: string): void {
    if (!this.#take(character)) this.#fail(`no ${character}`);
  }

  #take(character: string): boolean {
    if (this.#text[this.at] !== character.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    let byte = this.#text[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#text[++this.#at];
  }

  #fail(found: string): never {
    throw new SyntaxError(`there is ${found} at ${this.#at}`);
  }
}
