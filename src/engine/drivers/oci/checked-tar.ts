/**
 * A tar that somebody has sent, on its way to a runtime: each entry is looked at as it passes, and its end is passed on
 * only when all of them are well. What is refused so never becomes an image, since its end does not come.
 */
import { once } from "node:events";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import tar, { type Headers } from "tar-stream";
import { deferred } from "../../../base/async.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { peek } from "../../../base/peek.ts";

/** Longer than any name of a file, and what else may come between files. */
const MAX_BETWEEN_BYTES = 4 * 2 ** 20;
const GZIP = Buffer.from([0x1f, 0x8b]);
/** What else a tar may be in, and what takes it out. */
const OTHERS = [
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), tool: "xz" },
  { magic: Buffer.from("BZh"), tool: "bzip2" },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), tool: "zstd" },
];
const MAGIC_BYTES = Math.max(...OTHERS.map(({ magic }) => magic.length));

/** `doing` begins the message of its errors, which are all `invalid-argument`; a tar in gzip is taken out of that. */
export async function* checkedTar(source: AsyncIterable<Buffer>, doing: string): AsyncGenerator<Buffer> {
  const inspection = new Inspection();
  try {
    for await (const chunk of uncompressed(source)) {
      await inspection.take(chunk);
      yield chunk;
    }
    await inspection.end();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new EngineError("invalid-argument", `cannot ${doing}: ${error.message}`, {
      hint: error.hint ?? "Nothing of it is kept.",
      cause: error.cause,
    });
  } finally {
    inspection.dispose();
  }
}

class Refusal extends Error {
  readonly hint: string | undefined;

  constructor(message: string, { hint, cause }: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.hint = hint;
  }
}

/** Throws where a file would lie anywhere but in the container, or be a way out of it. Pure. */
export function refuseEntry({ name, type, linkname }: Pick<Headers, "name" | "type" | "linkname">): void {
  const quoted = JSON.stringify(name);
  if (leadsOut(name)) throw new Refusal(`the name ${quoted} in it leads out of it`);
  if (type === "link" && leadsOut(linkname ?? ""))
    throw new Refusal(`${quoted} in it is a link to ${JSON.stringify(linkname)}, which is not in it`);
  const isDevice = type === "character-device" || type === "block-device";
  if (isDevice && !/^(\.\/)*dev\//.test(name))
    throw new Refusal(`${quoted} in it is a device, and not in its /dev`);
}

function leadsOut(name: string): boolean {
  return name.startsWith("/") || name.includes("\0") || name.split("/").includes("..");
}

/** Looks at the entries of what it takes, as fast as that comes. */
class Inspection {
  readonly #extract = tar.extract();
  readonly #done = deferred<void>();
  #entries = 0;
  #inEntry = false;
  #between = 0;

  constructor() {
    this.#done.promise.catch(() => {});
    this.#extract.on("entry", (header, body, next) => {
      try {
        refuseEntry(header);
      } catch (error) {
        this.#done.reject(error);
        this.#extract.destroy();
        return;
      }
      this.#entries += 1;
      this.#between = 0;
      this.#inEntry = true;
      body.once("end", () => {
        this.#inEntry = false;
        next();
      });
      body.on("error", () => {}); // Told by the whole.
      body.resume();
    });
    this.#extract.once("error", (cause) => this.#done.reject(noTar(cause)));
    this.#extract.once("finish", () => this.#done.resolve());
  }

  async take(chunk: Buffer): Promise<void> {
    const before = this.#entries;
    if (!this.#extract.write(chunk)) await Promise.race([once(this.#extract, "drain"), this.#done.promise]);
    if (this.#inEntry || this.#entries > before) return;
    this.#between += chunk.length;
    if (this.#between > MAX_BETWEEN_BYTES) throw noTar(new Error("there is too much between its files"));
  }

  async end(): Promise<void> {
    this.#extract.end();
    await this.#done.promise;
    if (this.#entries === 0) throw new Refusal("there are no files in it");
  }

  dispose(): void {
    this.#extract.destroy();
  }
}

function noTar(cause: unknown): Refusal {
  return new Refusal(`it is no whole tar: ${messageOf(cause)}`, { cause });
}

/** Taken out of gzip, where it is in that. */
async function* uncompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { head, all } = await peek(source, MAGIC_BYTES);
  const other = OTHERS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
  if (other) {
    const hint = `Take it out of that first: ${other.tool} -dc FILE | berth import - IMAGE`;
    throw new Refusal(`it is compressed by ${other.tool}`, { hint });
  }
  if (head.subarray(0, GZIP.length).equals(GZIP)) yield* gunzipped(all);
  else yield* all;
}

async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  let failure: unknown;
  pipeline(Readable.from(source), gunzip, (error) => {
    failure = error;
  });
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    const { code = "" } = (failure ?? error) as NodeJS.ErrnoException;
    throw code.startsWith("Z_") ? noTar(failure ?? error) : error;
  }
}
