/** Ethernet frames on a byte stream, as QEMU's `stream` network sends them: each after its length in four bytes. Pure. */

/** QEMU's own limit; whatever claims more is not its stream. */
export const LONGEST_FRAME = 69_632;

/** Cuts a stream into frames. Keeps no more than one unfinished frame. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole now. Throws when this is no stream of frames; it is of no more use then. */
  push(chunk: Buffer): Buffer[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    while (data.length - at >= 4) {
      const length = data.readUInt32BE(at);
      if (length === 0 || length > LONGEST_FRAME) throw new RangeError(`a frame of ${length} bytes`);
      if (data.length - at - 4 < length) break;
      frames.push(data.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    // A copy, so that a few bytes do not keep a whole chunk alive.
    this.#rest = Buffer.from(data.subarray(at));
    return frames;
  }
}

/** A copy of its own: one that waits must not keep alive the chunk that it came in. */
export function framed(frame: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(4 + frame.length);
  whole.writeUInt32BE(frame.length);
  frame.copy(whole, 4);
  return whole;
}
