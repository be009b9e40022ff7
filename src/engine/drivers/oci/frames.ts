/**
 * The two outputs of a process, as runtimes send them on one connection: pieces, each after a head of eight bytes whose
 * first says which output and whose last four how long the piece is. A piece is passed on as it comes, never gathered:
 * a line may be of any length.
 */
import { pipeline, type Readable, Transform } from "node:stream";

const HEAD_BYTES = 8;
const STDERR = 2;

export type Output = "stdout" | "stderr";
export type Piece = { output: Output; bytes: Buffer };

/** Takes the connection's bytes in any parts and gives those of the pieces. */
export class FrameReader {
  #head = Buffer.alloc(0);
  #output: Output = "stdout";
  #left = 0;

  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        rest = this.#takeHead(rest);
        continue;
      }
      const bytes = rest.subarray(0, this.#left);
      pieces.push({ output: this.#output, bytes });
      this.#left -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return pieces;
  }

  #takeHead(chunk: Buffer): Buffer {
    const missing = HEAD_BYTES - this.#head.length;
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, missing)]);
    if (this.#head.length === HEAD_BYTES) {
      this.#output = this.#head[0] === STDERR ? "stderr" : "stdout";
      this.#left = this.#head.readUInt32BE(4);
      this.#head = Buffer.alloc(0);
    }
    return chunk.subarray(missing);
  }
}

/** What comes of both outputs, in order. */
export async function* pieces(connection: Readable): AsyncGenerator<Piece> {
  const reader = new FrameReader();
  for await (const chunk of connection) yield* reader.push(chunk as Buffer);
}

/** Both outputs as one, without their heads. Destroying it ends the connection. */
export function bothOutputs(connection: Readable): Readable {
  const reader = new FrameReader();
  const joined = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      for (const { bytes } of reader.push(chunk)) joined.push(bytes);
      done();
    },
  });
  return pipeline(connection, joined, () => {}); // Its reader is told by the stream itself.
}
