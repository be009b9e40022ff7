/** The end of what a terminal has shown, in memory that does not grow. Pure. */

/** A cut line may begin within an escape sequence; this far in, its end is looked for. */
const LINE_BYTES = 4096;
const NEWLINE = 10;
const ESCAPE = "\\x1b";
const OSC_END = "(?:\\x07|\\x1b\\\\)";

/**
 * Questions to the terminal (who it is, where its cursor stands, its colours). They have been answered: a terminal that
 * is shown them again would type its answers into the shell.
 */
const QUESTIONS = new RegExp(
  [
    `${ESCAPE}\\[[>=?]?[0-9;]*c`,
    `${ESCAPE}\\[\\??[0-9;]*n`,
    `${ESCAPE}\\[\\??[0-9;]*\\$p`,
    `${ESCAPE}\\[>[0-9;]*q`,
    `${ESCAPE}\\][0-9;]+;\\?${OSC_END}`,
    `${ESCAPE}P[+$]q[^\\x07\\x1b]*${OSC_END}`,
    `${ESCAPE}Z`,
  ].join("|"),
  "g",
);

/** A ring of bytes. */
export class OutputTail {
  readonly #ring: Buffer;
  /** Where the next byte goes. */
  #at = 0;
  #pushed = 0;

  constructor(size: number) {
    this.#ring = Buffer.allocUnsafe(size);
  }

  push(chunk: Uint8Array): void {
    const { length: size } = this.#ring;
    this.#pushed += chunk.length;
    const last = chunk.subarray(Math.max(0, chunk.length - size));
    const first = Math.min(last.length, size - this.#at);
    this.#ring.set(last.subarray(0, first), this.#at);
    this.#ring.set(last.subarray(first), 0);
    this.#at = (this.#at + last.length) % size;
  }

  /** A copy, from the beginning of a line where earlier ones are lost. */
  bytes(): Buffer {
    const { length: size } = this.#ring;
    if (this.#pushed < size) return Buffer.from(this.#ring.subarray(0, this.#at));
    const all = Buffer.concat([this.#ring.subarray(this.#at), this.#ring.subarray(0, this.#at)]);
    if (this.#pushed === size) return all;
    const line = all.subarray(0, LINE_BYTES).indexOf(NEWLINE);
    return all.subarray(line + 1);
  }

  /** The same for a terminal that shows it anew. */
  replay(): Buffer {
    return Buffer.from(this.bytes().toString("latin1").replace(QUESTIONS, ""), "latin1");
  }
}
