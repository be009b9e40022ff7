/** What slow work prints, as a stream that the work waits for. */
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { toEngineError } from "../base/errors.ts";

/** Takes what is printed; the work waits for it. */
export type Print = (text: string) => void | Promise<void>;

/**
 * All that is printed, then what the work resolves with, or its error; `doing` begins that one's message. Destroying it
 * ends the work, as `signal` does.
 */
export function printed(
  doing: string,
  signal: AbortSignal,
  work: (signal: AbortSignal, print: Print) => Promise<string>,
): Readable {
  const left = new AbortController();
  const either = AbortSignal.any([signal, left.signal]);
  const text = new PassThrough();
  const print = async (words: string) => {
    if (!text.write(words)) await once(text, "drain", { signal: either });
  };
  const done = work(either, print).finally(() => text.end());
  done.catch(() => {}); // Told to the reader, if there is still one.
  const told = async function* () {
    yield* text;
    const last = await done.catch((error: unknown) => Promise.reject(toEngineError(error, doing)));
    if (last !== "") yield last;
  };
  // One piece at a time: an error throws away what has not been read before it.
  const output = Readable.from(told(), { objectMode: false, highWaterMark: 1 });
  return output.once("close", () => left.abort());
}
