/**
 * A VM from the bytes of one file. It is another's word until its end: names, sizes and order are checked as they come, and
 * the sum of all when there is no more.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import tar, { type Entry, type Extract, type Headers } from "tar-stream";
import { VM_FILE_HEAD_BYTES, vmFileKind } from "../../../api/vm-file.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { peek } from "../../../base/peek.ts";
import { exactly } from "../../../base/read-exactly.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Block } from "../../drivers/points.ts";
import { type Definition, disksOf, MAX_DEFINITION_BYTES, parseDefinition } from "../definition.ts";
import { isDamage } from "../repository/damage.ts";
import { MAX_SMALL_BYTES } from "../small-files.ts";
import { DEFINITION_ENTRY, damagedFile, kindOf } from "./layout.ts";
import { unsealed } from "./sealed.ts";
import { piecesOf, readMap } from "./sparse.ts";
import { checkedSum } from "./summed.ts";

export type Part =
  | { kind: "small"; name: string; bytes: Buffer }
  /** All but its zeros, in order. */
  | { kind: "disk"; id: string; sizeBytes: number; blocks: AsyncGenerator<Block> };

const PIECE_BYTES = 256 * 2 ** 10;
const MOST_ENTRIES = 1000;
const LOOKED_AT_BYTES = 64 * 2 ** 10;
/** Longer than what we put between files. */
const MAX_BETWEEN_BYTES = 2 ** 20;

export class PortableReader {
  readonly definition: Definition;
  readonly #entries: AsyncIterator<Entry>;
  readonly #whole: Promise<void>;
  readonly #extract: Extract;

  private constructor(
    definition: Definition,
    { entries, whole, extract }: { entries: AsyncIterator<Entry>; whole: Promise<void>; extract: Extract },
  ) {
    this.definition = definition;
    this.#entries = entries;
    this.#whole = whole;
    this.#extract = extract;
  }

  /** Reads no further than its definition. Whoever opens it reads its parts to their end, or stops it. */
  static async open(source: AsyncIterable<Buffer>, passphrase: Secret | undefined): Promise<PortableReader> {
    const { head, all } = await peek(source, VM_FILE_HEAD_BYTES);
    const isSealed = vmFileKind(head) === "sealed";
    if (isSealed && !passphrase)
      throw new EngineError("unauthenticated", "cannot import the file: it is encrypted by a passphrase", {
        hint: "Give that: --passphrase-file FILE",
      });
    const plain = checkedSum(isSealed && passphrase ? unsealed(all, passphrase) : all);
    const extract = tar.extract();
    const whole = pipeline(Readable.from(guarded(plain, extract)), extract);
    whole.catch(() => {}); // Told by whoever reads on.
    const entries = extract[Symbol.asyncIterator]() as AsyncIterator<Entry>;
    const first = await nextOf(entries, whole);
    if (first?.header.name !== DEFINITION_ENTRY) throw noSuchFile();
    const bytes = await small(first, MAX_DEFINITION_BYTES, whole);
    return new PortableReader(definitionIn(bytes), { entries, whole, extract });
  }

  /** Whoever reads is told this from now on. */
  stop(reason: EngineError): void {
    this.#extract.destroy(reason);
  }

  /** Each is read to its end before the next is asked for. It ends only where all of the file is what was exported. */
  async *parts(): AsyncGenerator<Part> {
    const disks = disksOf(this.definition);
    const missing = new Set(disks);
    if (missing.size < disks.length) throw damagedFile("two disks in it are one");
    const seen = new Set<string>();
    for (;;) {
      const entry = await nextOf(this.#entries, this.#whole);
      if (!entry) break;
      const facts = kindOf(entry.header);
      if (!facts || entry.header.type !== "file" || seen.has(entry.header.name))
        throw damagedFile(`${JSON.stringify(entry.header.name)} does not belong into it`);
      seen.add(entry.header.name);
      if (seen.size > MOST_ENTRIES) throw damagedFile("there are too many files in it");
      if (facts.kind === "small") yield { ...facts, bytes: await small(entry, MAX_SMALL_BYTES, this.#whole) };
      else {
        if (!missing.delete(facts.id)) throw damagedFile(`its definition has no disk ${facts.id}`);
        yield { ...facts, blocks: blocksOf(entry, facts.sizeBytes, this.#whole) };
      }
    }
    const [lost] = missing;
    if (lost !== undefined) throw damagedFile(`the disk ${lost} is missing`);
  }
}

function definitionIn(bytes: Uint8Array): Definition {
  try {
    return parseDefinition(bytes, "the definition in the file");
  } catch (error) {
    throw isDamage(error) ? damagedFile(messageOf(error), error) : error;
  }
}

/** Undefined at the file's end, which it has come to well. */
async function nextOf(entries: AsyncIterator<Entry>, whole: Promise<void>): Promise<Entry | undefined> {
  try {
    const { value, done } = await entries.next();
    if (!done) return value;
    await whole;
    return undefined;
  } catch (cause) {
    throw await causeOf(whole, cause);
  }
}

/** Why the tar could not be read on, once it cannot. */
async function causeOf(whole: Promise<void>, cause: unknown): Promise<unknown> {
  const told = await whole.then(
    () => cause,
    (error: unknown) => error,
  );
  return told instanceof EngineError ? told : damagedFile("it is no whole tar", told);
}

/** Throws for an entry that would be more than it may be, before anything of it is read. */
async function small(entry: Entry, mostBytes: number, whole: Promise<void>): Promise<Buffer> {
  const { name, size = 0, type } = entry.header;
  if (type !== "file" || size > mostBytes) throw damagedFile(`${JSON.stringify(name)} has ${size} bytes`);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (cause) {
    throw await causeOf(whole, cause);
  }
  return Buffer.concat(chunks);
}

async function* blocksOf(entry: Entry, sizeBytes: number, whole: Promise<void>): AsyncGenerator<Block> {
  const exact = exactly(entry);
  const read = (bytes: number) =>
    exact(bytes).catch(async (cause: unknown) => {
      if (cause instanceof EngineError && cause.code === "driver-failed")
        throw damagedFile("a disk ends too early", cause);
      throw await causeOf(whole, cause);
    });
  const segments = await readMap(read, { sizeBytes, storedBytes: entry.header.size ?? 0 });
  for (const { offset, length } of piecesOf(segments, PIECE_BYTES))
    yield { offset, data: await read(length) };
  await exact(1).catch(() => {}); // Its end, which lets the next one come.
}

/** What lies between files is kept until it is whole: no more than a little of it is taken. */
async function* guarded(plain: AsyncIterable<Buffer>, extract: Extract): AsyncGenerator<Buffer> {
  let isInEntry = false;
  let between = 0;
  extract.on("entry", (header: Headers, entry: Entry) => {
    const { size = 0 } = header;
    if (!Number.isSafeInteger(size) || size < 0) extract.destroy(damagedFile("a size in it is none"));
    isInEntry = size > 0;
    between = 0;
    entry.once("close", () => {
      isInEntry = false;
    });
  });
  for await (const chunk of plain) {
    for (let at = 0; at < chunk.length; at += LOOKED_AT_BYTES) {
      const part = chunk.subarray(at, at + LOOKED_AT_BYTES);
      yield part;
      between = isInEntry ? 0 : between + part.length;
      if (between > MAX_BETWEEN_BYTES) throw damagedFile("there is too much between its files");
    }
  }
}

function noSuchFile(): EngineError {
  return new EngineError("invalid-argument", "cannot import the file: it is no VM that Berth has exported", {
    hint: "A disk alone is imported by --disk FILE, and a file system of a container with the name of an image.",
  });
}
