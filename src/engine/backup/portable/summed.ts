/** A stream with a sum of all of it at its end, so that any byte that is another, more or missing is found. */
import { createHash } from "node:crypto";
import { damagedFile } from "./layout.ts";

/** A tar's block, which readers of tars pass over: it comes behind the archive's end. */
const TRAILER_BYTES = 512;

function trailerOf(sum: string): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.write(`berth-sha256 ${sum}\n`, "latin1");
  return trailer;
}

export async function* withSum(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  yield trailerOf(hash.digest("hex"));
}

/** The same without the sum. Only when it has come to its end is what it gave known to be whole. */
export async function* checkedSum(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const all = Buffer.concat([held, chunk]);
    const ready = all.subarray(0, Math.max(0, all.length - TRAILER_BYTES));
    held = all.subarray(ready.length);
    if (ready.length === 0) continue;
    hash.update(ready);
    yield ready;
  }
  if (!held.equals(trailerOf(hash.digest("hex"))))
    throw damagedFile("it is not whole, or not what was exported");
}
