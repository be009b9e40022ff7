/** Reads a stream in pieces whose length its reader knows. */
import type { Readable } from "node:stream";
import { EngineError } from "./errors.ts";

/** Exactly as many bytes as are asked for; rejects where the stream ends before. One call at a time. */
export type Take = {
  (bytes: number): Promise<Buffer>;
  /** Fills what is the caller's, with no copy in between. */
  into(target: Uint8Array): Promise<void>;
};

export function exactly(stream: Readable): Take {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  const next = async () => {
    const { value, done } = await chunks.next();
    if (done) throw new EngineError("driver-failed", "cannot read on: the other side has ended");
    held = value;
  };
  const into = async (target: Uint8Array) => {
    for (let at = 0; at < target.length; ) {
      if (held.length === 0) await next();
      const copied = held.copy(target, at);
      held = held.subarray(copied);
      at += copied;
    }
  };
  const take = async (bytes: number) => {
    if (held.length === 0 && bytes > 0) await next();
    if (held.length >= bytes) {
      const whole = held.subarray(0, bytes);
      held = held.subarray(bytes);
      return whole;
    }
    const all = Buffer.allocUnsafe(bytes);
    await into(all);
    return all;
  };
  return Object.assign(take, { into });
}
