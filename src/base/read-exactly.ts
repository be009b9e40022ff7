/** Reads a stream in pieces whose length its reader knows. */
import type { Readable } from "node:stream";
import { EngineError } from "./errors.ts";

/** Exactly as many bytes as are asked for; rejects where the stream ends before. One call at a time. */
export function exactly(stream: Readable): (bytes: number) => Promise<Buffer> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer[] = [];
  let length = 0;
  return async (bytes) => {
    while (length < bytes) {
      const { value, done } = await chunks.next();
      if (done) throw new EngineError("driver-failed", "cannot read on: the other side has ended");
      held.push(value);
      length += value.length;
    }
    const all = held.length === 1 && held[0] ? held[0] : Buffer.concat(held);
    const rest = all.subarray(bytes);
    held = [rest];
    length = rest.length;
    return all.subarray(0, bytes);
  };
}
