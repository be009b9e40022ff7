/** Lines that each bear the hash of the line before: none can be changed, taken out or put in between without that being seen. */
import { createHash } from "node:crypto";
import { EngineError } from "./errors.ts";

/** What the first line says of the line before it. */
export const NO_LINE = "0".repeat(64);

export type Linked = { n: number; prev: string };

export function hashOf(line: string): string {
  return createHash("sha256").update(line).digest("hex");
}

export type Verified = {
  /** Number of the first line; above 1 where older ones have been given away. */
  first: number;
  last: number;
  /** Of the last line: whoever has kept it elsewhere sees what was cut off the end. */
  hash: string;
};

/** Looks through lines from the oldest on. */
export class ChainCheck {
  #first: number | undefined;
  #last = 0;
  #hash = NO_LINE;

  /** Throws `internal` where the line is not the one that comes next. */
  add(line: string): void {
    const { n, prev } = linkOf(line, this.#last);
    const isFirst = this.#first === undefined;
    if (!isFirst && n !== this.#last + 1) throw broken(`record ${this.#last + 1} is missing before ${n}`);
    if (isFirst ? n === 1 && prev !== NO_LINE : prev !== this.#hash)
      throw broken(`record ${n} does not follow on what is before it: one of the two was changed`);
    this.#first ??= n;
    this.#last = n;
    this.#hash = hashOf(line);
  }

  get result(): Verified {
    return { first: this.#first ?? 0, last: this.#last, hash: this.#hash };
  }
}

function linkOf(line: string, after: number): Linked {
  try {
    const { n, prev } = JSON.parse(line) as Partial<Linked>;
    if (typeof n === "number" && typeof prev === "string") return { n, prev };
  } catch {
    // Told below.
  }
  throw broken(`what comes after record ${after} is no record`);
}

function broken(reason: string): EngineError {
  return new EngineError("internal", `cannot trust the record: ${reason}`, {
    hint: "Compare it with an export that was made before.",
  });
}
