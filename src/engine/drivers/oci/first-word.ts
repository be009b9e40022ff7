import type { Readable } from "node:stream";
import { deferred } from "../../../base/async.ts";
import { WORD_BYTES } from "./guest-scripts.ts";

/** What a script says of itself before all else. Empty where it ends before. What comes after stays in the stream. */
export function firstWord(stream: Readable): Promise<string> {
  const { promise, resolve } = deferred<string>();
  const events = ["readable", "end", "close"];
  const look = () => {
    const bytes = stream.read(WORD_BYTES) as Buffer | null;
    if (bytes === null && !stream.readableEnded && !stream.destroyed) return;
    for (const event of events) stream.off(event, look);
    resolve(bytes === null ? "" : String(bytes));
  };
  for (const event of events) stream.on(event, look);
  look();
  return promise;
}
