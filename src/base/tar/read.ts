/** Reads a tar as it comes: no more of it is in memory than what its headers say. */
import { BLOCK_BYTES, cString, headerOf, paddingOf, parseHeader, type TarHeader } from "./header.ts";
import { type Pax, parsePax } from "./pax.ts";
import { TarError } from "./tar-error.ts";

/** `body` gives a file's bytes until the next entry is asked for; what of it nobody reads is passed over. */
export type TarEntry = TarHeader & { body: AsyncIterable<Uint8Array> };

/** What is said of an entry before it is no longer, its attributes included. */
const MAX_SAID_BYTES = 2 ** 20;

/** Throws `TarError` for what is no tar, or not all of one: an end of the source is no end of a tar. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const input = new Input(source);
  try {
    let common: Pax = new Map();
    let own = new Map<string, Buffer>();
    for (;;) {
      const raw = parseHeader(await input.exactly(BLOCK_BYTES));
      if (!raw) break;
      const { flag, size } = raw;
      if (flag === "x") for (const [key, value] of parsePax(await said(input, size))) own.set(key, value);
      else if (flag === "g") common = parsePax(await said(input, size));
      else if (flag === "L") own.set("path", asBytes(await said(input, size)));
      else if (flag === "K") own.set("linkpath", asBytes(await said(input, size)));
      else {
        const header = headerOf(raw, new Map([...common, ...own]));
        own = new Map();
        const body = new Body(input, header.size);
        yield { ...header, body };
        await body.end();
      }
    }
    await input.drain();
  } finally {
    await input.close();
  }
}

function asBytes(bytes: Buffer): Buffer {
  return Buffer.from(cString(bytes), "latin1");
}

async function said(input: Input, size: number): Promise<Buffer> {
  if (size > MAX_SAID_BYTES) throw new TarError(`a header in it has ${size} bytes`);
  const bytes = await input.exactly(size);
  await input.exactly(paddingOf(size));
  return bytes;
}

class Body implements AsyncIterable<Uint8Array> {
  readonly #input: Input;
  readonly #size: number;
  #left: number;

  constructor(input: Input, size: number) {
    this.#input = input;
    this.#size = size;
    this.#left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      const bytes = await this.#input.some(this.#left);
      this.#left -= bytes.length;
      yield bytes;
    }
  }

  async end(): Promise<void> {
    for await (const _ of this);
    await this.#input.exactly(paddingOf(this.#size));
  }
}

/** Bytes of a source, in the pieces that are asked for. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At least one byte, and not more than so many. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#piece.length === 0) {
      const next = await this.#source.next();
      if (next.done) throw new TarError("it ends too early");
      this.#piece = next.value;
    }
    const bytes = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(bytes.length);
    return bytes;
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts, length);
  }

  /** What comes after the end, so that whoever sends it comes to an end, too. */
  async drain(): Promise<void> {
    this.#piece = new Uint8Array();
    while (!(await this.#source.next()).done);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
