/**
 * The record of what was decided: lines that are only ever added, each with the hash of the one before, in files of limited
 * size, of which the oldest goes in the end. Nothing is there before there is something to record.
 */
import { createReadStream } from "node:fs";
import { readdir, readFile, rm, truncate } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { AuditRecord, type AuditVerdict } from "../../api/audit.ts";
import { KeyedQueue } from "../../base/async.ts";
import { appendFileDurable, privateDirectory } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { ChainCheck, hashOf, type Linked, NO_LINE } from "../../base/hash-chain.ts";

export type NewRecord = Omit<AuditRecord, "n" | "at" | "prev">;

export type AuditParts = {
  directory: string;
  now: () => Date;
  fileBytes?: number;
  files?: number;
};

const FILE_BYTES = 8 * 2 ** 20;
/** How many of them are kept: a quarter of a GiB, some half a million records. */
const FILES = 32;
const FILE_NAME = /^\d{12}\.jsonl$/;

type Tail = { n: number; hash: string; file: string | undefined; bytes: number };

export class Audit {
  readonly #parts: AuditParts;
  readonly #writes = new KeyedQueue();
  /** What could not be written yet, oldest first. */
  readonly #waiting: (NewRecord & { at: string })[] = [];
  #tail: Tail | undefined;

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  /** Resolves when it is on disk. What cannot be written is written before the next one. */
  record(record: NewRecord): Promise<void> {
    this.#waiting.push({ ...record, at: this.#parts.now().toISOString() });
    return this.ready();
  }

  /** Throws where what was to be recorded before still cannot be. */
  ready(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return this.#writes.run("", () => this.#write());
  }

  async list({ after, limit }: { after?: number | undefined; limit: number }): Promise<AuditRecord[]> {
    const files = await this.#files();
    const found: AuditRecord[] = [];
    if (after !== undefined) {
      for (const file of files.filter((_, index) => (files[index + 1] ?? "~") > nameOf(after + 1))) {
        found.push(...(await this.#recordsIn(file)).filter(({ n }) => n > after));
        if (found.length >= limit) break;
      }
      return found.slice(0, limit);
    }
    for (const file of files.reverse()) {
      found.unshift(...(await this.#recordsIn(file)));
      if (found.length >= limit) break;
    }
    return found.slice(-limit);
  }

  async verify(): Promise<AuditVerdict> {
    const check = new ChainCheck();
    for (const file of await this.#files()) {
      const lines = createInterface({ input: createReadStream(path.join(this.#parts.directory, file)) });
      for await (const line of lines) check.add(line);
    }
    return check.result;
  }

  async #write(): Promise<void> {
    for (;;) {
      const [next] = this.#waiting;
      if (!next) return;
      try {
        await this.#append(next);
      } catch (cause) {
        this.#tail = undefined; // Some of it may be there: it is looked for again.
        throw new EngineError("no-resources", `cannot record what was asked for: ${messageOf(cause)}`, {
          hint: "What is not recorded is not done: make room for the engine's record, then try again.",
          cause,
        });
      }
      this.#waiting.shift();
    }
  }

  async #append(record: NewRecord & { at: string }): Promise<void> {
    const { directory, fileBytes = FILE_BYTES } = this.#parts;
    this.#tail ??= await this.#lookForTail();
    const { n, hash, file, bytes } = this.#tail;
    const line = JSON.stringify(AuditRecord.parse({ ...record, n: n + 1, prev: hash }));
    const isFull = file === undefined || bytes >= fileBytes;
    const into = isFull ? nameOf(n + 1) : file;
    if (isFull) await privateDirectory(directory);
    await appendFileDurable(path.join(directory, into), `${line}\n`);
    const added = Buffer.byteLength(line) + 1;
    this.#tail = { n: n + 1, hash: hashOf(line), file: into, bytes: (isFull ? 0 : bytes) + added };
    if (isFull) await this.#dropOldest();
  }

  async #dropOldest(): Promise<void> {
    const { directory, files: most = FILES } = this.#parts;
    const files = await this.#files();
    for (const file of files.slice(0, Math.max(0, files.length - most))) await rm(path.join(directory, file));
  }

  /** A line without its end was never acknowledged: an engine died in its middle. */
  async #lookForTail(): Promise<Tail> {
    const { directory } = this.#parts;
    for (const file of (await this.#files()).reverse()) {
      const whole = path.join(directory, file);
      const text = await readFile(whole, "utf8");
      const end = text.lastIndexOf("\n") + 1;
      if (end < text.length) await truncate(whole, Buffer.byteLength(text.slice(0, end)));
      const line = text.slice(0, end).trimEnd().split("\n").at(-1) ?? "";
      if (line === "") continue;
      const { n } = JSON.parse(line) as Linked;
      return { n, hash: hashOf(line), file, bytes: Buffer.byteLength(text.slice(0, end)) };
    }
    return { n: 0, hash: NO_LINE, file: undefined, bytes: 0 };
  }

  async #recordsIn(file: string): Promise<AuditRecord[]> {
    const text = await readFile(path.join(this.#parts.directory, file), "utf8");
    const lines = text.split("\n").slice(0, -1);
    return lines.flatMap((line) => AuditRecord.safeParse(parsed(line)).data ?? []);
  }

  /** Oldest first. */
  async #files(): Promise<string[]> {
    try {
      return (await readdir(this.#parts.directory)).filter((name) => FILE_NAME.test(name)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }
}

/** Of the file that begins with that record. */
function nameOf(n: number): string {
  return `${String(n).padStart(12, "0")}.jsonl`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // The verification tells of it.
  }
}
