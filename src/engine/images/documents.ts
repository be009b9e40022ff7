/**
 * Catalog documents: fetched with conditional requests, kept on disk, so that catalogs still answer offline. Each is a
 * pair of files named by the hash of its address; a pair that does not fit together counts as absent.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { withDeadline } from "../../base/async.ts";
import { privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { TransientError } from "../transient.ts";
import { type Fetch, request } from "./http.ts";
import type { ImagePlace } from "./store.ts";

/** The biggest published catalog has about 4 MiB. */
export const MAX_DOCUMENT_BYTES = 32 * 2 ** 20;
/** A document that takes longer than this is given up. */
const DOCUMENT_MS = 60_000;

export type Document = {
  text: string;
  /** Why this is a kept copy and not the server's present one. */
  stale?: EngineError | undefined;
};

const Kept = z.object({
  url: z.string(),
  sha256: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
});
type Kept = z.infer<typeof Kept>;

export class Documents {
  readonly #place: ImagePlace;
  readonly #fetch: Fetch;

  constructor(place: ImagePlace, fetch: Fetch) {
    this.#place = place;
    this.#fetch = fetch;
  }

  get #directory(): string {
    return path.join(this.#place.images, "catalogs");
  }

  /** Rejects with `download-failed` when the server cannot be reached, or refuses, and no copy is kept. */
  async read(ctx: Pick<Ctx, "signal" | "log">, url: URL, maxBytes: number): Promise<Document> {
    const kept = await this.#kept(url);
    const deadline = withDeadline(DOCUMENT_MS, ctx.signal);
    try {
      return { text: await this.#refresh(ctx, url, maxBytes, kept, deadline.signal) };
    } catch (error) {
      ctx.signal.throwIfAborted();
      const failure = unreachable(url, error);
      if (!kept) throw failure;
      ctx.log.warn("using a kept catalog document", { url: url.href, reason: failure.message });
      return { text: kept.text, stale: failure };
    } finally {
      deadline.done();
    }
  }

  async #refresh(
    ctx: Pick<Ctx, "log">,
    url: URL,
    maxBytes: number,
    kept: (Kept & { text: string }) | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const headers: Record<string, string> = {};
    if (kept?.etag !== undefined) headers["if-none-match"] = kept.etag;
    if (kept?.lastModified !== undefined) headers["if-modified-since"] = kept.lastModified;
    const answer = await request(this.#fetch, url, { signal, headers });
    const { response } = answer;
    try {
      if (response.status === 304 && kept) return kept.text;
      if (response.status !== 200)
        throw new TransientError(`the server answered ${response.status} ${response.statusText}`.trim());
      const text = await readText(response, maxBytes);
      const validators = {
        etag: response.headers.get("etag"),
        lastModified: response.headers.get("last-modified"),
      };
      await this.#keep(url, text, validators).catch((error: unknown) =>
        ctx.log.warn("cannot keep a catalog document", { url: url.href, error: messageOf(error) }),
      );
      return text;
    } finally {
      answer.abandon();
    }
  }

  #file(url: URL): string {
    return path.join(this.#directory, createHash("sha256").update(url.href).digest("hex").slice(0, 32));
  }

  async #kept(url: URL): Promise<(Kept & { text: string }) | undefined> {
    try {
      const file = this.#file(url);
      const kept = Kept.parse(JSON.parse(await readFile(`${file}.json`, "utf8")));
      const text = await readFile(`${file}.body`, "utf8");
      return kept.url === url.href && kept.sha256 === sha256(text) ? { ...kept, text } : undefined;
    } catch {
      return undefined; // Absent or damaged: it is fetched again.
    }
  }

  async #keep(url: URL, text: string, validators: { etag: string | null; lastModified: string | null }) {
    await this.#place.require?.("images");
    await privateDirectory(this.#directory);
    const file = this.#file(url);
    const kept: Kept = {
      url: url.href,
      sha256: sha256(text),
      ...(validators.etag === null ? {} : { etag: validators.etag }),
      ...(validators.lastModified === null ? {} : { lastModified: validators.lastModified }),
    };
    await writeFileDurable(`${file}.body`, text);
    await writeFileDurable(`${file}.json`, JSON.stringify(kept));
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new TransientError(`the document is bigger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const declared = Number(response.headers.get("content-length") ?? size);
  if (declared !== size) throw new TransientError(`the document ended after ${size} of ${declared} bytes`);
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(url: URL, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError("download-failed", `cannot reach ${url.href}: ${messageOf(error)}`, {
    hint: "Check the network and the image settings, then try again.",
    cause: error,
  });
}
