/** The frames of a WebSocket (RFC 6455, section 5) as a client writes and reads them. Pure. */

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type Frame = { opcode: number; payload: Buffer };

const LAST = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;

/**
 * What comes before a payload of that length. Masks keep proxies from being misled, and there are none here: this one is
 * zeros, with which bytes stay as they are.
 */
export function frameHead(opcode: number, length: number): Buffer {
  const extended = length < 126 ? 0 : length < 2 ** 16 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + MASK_BYTES);
  head[0] = LAST | opcode;
  head[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  else if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** Takes bytes in any pieces and gives whole frames. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #waiting = 0;
  #first: Buffer | undefined;
  #size: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws for what the engine does not send: masked, larger or in fragments. */
  *push(chunk: Buffer): Generator<Frame, void> {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    for (let frame = this.#next(); frame; frame = this.#next()) yield frame;
  }

  #next(): Frame | undefined {
    this.#first ??= this.#take(2);
    if (!this.#first) return undefined;
    const [flags = 0, length = 0] = this.#first;
    if ((flags & (LAST | RESERVED)) !== LAST || (length & MASKED) !== 0 || (flags & 0x0f) === 0)
      throw new RangeError("the engine sent a frame that it should not");
    this.#size ??= this.#sizeAfter(length);
    if (this.#size === undefined) return undefined;
    if (this.#size > this.#maxBytes) throw new RangeError("the engine sent a frame that is too large");
    const payload = this.#take(this.#size);
    if (!payload) return undefined;
    this.#first = undefined;
    this.#size = undefined;
    return { opcode: flags & 0x0f, payload };
  }

  #sizeAfter(length: number): number | undefined {
    if (length < 126) return length;
    const extended = this.#take(length === 126 ? 2 : 8);
    return extended && (length === 126 ? extended.readUInt16BE() : Number(extended.readBigUInt64BE()));
  }

  /** The next bytes in one piece; undefined until all of them are there. */
  #take(count: number): Buffer | undefined {
    if (this.#waiting < count) return undefined;
    const [first = Buffer.alloc(0)] = this.#chunks;
    const whole = first.length >= count ? first : Buffer.concat(this.#chunks);
    const rest = whole.subarray(count);
    this.#chunks = whole === first ? this.#chunks.slice(1) : [];
    if (rest.length > 0) this.#chunks.unshift(rest);
    this.#waiting -= count;
    return whole.subarray(0, count);
  }
}
