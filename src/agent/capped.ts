/** The beginning and the end of an output of any length, in memory that does not grow with it. */
import type { Readable } from "node:stream";
import { plainText } from "../base/plain-text.ts";
import { formatBytes } from "../base/units.ts";

export type Capped = { head: Buffer; tail: Buffer; totalBytes: number };

/** Keeps at most `maxBytes`: the first half from the beginning, the rest from the end. */
export class CappedBytes {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #total = 0;

  constructor(maxBytes: number) {
    this.#half = Math.max(1, Math.floor(maxBytes / 2));
  }

  add(chunk: Buffer): void {
    this.#total += chunk.length;
    const room = this.#half - this.#headBytes;
    const first = chunk.subarray(0, Math.max(0, room));
    if (first.length > 0) this.#head.push(first);
    this.#headBytes += first.length;
    const rest = chunk.subarray(first.length);
    if (rest.length === 0) return;
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    // Joined only when it has doubled, so that many small pieces cost no more than a few large ones.
    if (this.#tailBytes > 2 * this.#half) {
      this.#tail = [Buffer.from(Buffer.concat(this.#tail).subarray(-this.#half))];
      this.#tailBytes = this.#half;
    }
  }

  get value(): Capped {
    const tail = Buffer.concat(this.#tail).subarray(-this.#half);
    return { head: Buffer.concat(this.#head), tail, totalBytes: this.#total };
  }
}

/** Reads to the end, whatever comes. */
export async function readCapped(stream: Readable, maxBytes: number): Promise<Capped> {
  const kept = new CappedBytes(maxBytes);
  for await (const chunk of stream) kept.add(chunk as Buffer);
  return kept.value;
}

/** As plain text; what is left out is said where it is missing. */
export function cappedText({ head, tail, totalBytes }: Capped): string {
  const missing = totalBytes - head.length - tail.length;
  if (missing <= 0) return plainText(Buffer.concat([head, tail]).toString("utf8"));
  const gap = `\n[… ${formatBytes(missing)} of ${formatBytes(totalBytes)} left out …]\n`;
  return plainText(`${whole(head, "end")}${gap}${whole(tail, "begin")}`);
}

/** Without the halves of characters that a cut leaves at that side. */
function whole(bytes: Buffer, cut: "begin" | "end"): string {
  const text = bytes.toString("utf8");
  return cut === "end" ? text.replace(/\ufffd{1,3}$/, "") : text.replace(/^\ufffd{1,3}/, "");
}
