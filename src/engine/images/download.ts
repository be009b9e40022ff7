/**
 * Downloads one file: streamed to a `.part` beside a record of its validators, resumed by Range, hashed while it is
 * written, tried again after transient failures. Memory use does not grow with the file.
 */
import { type FileHandle, open, statfs } from "node:fs/promises";
import path from "node:path";
import { sleep } from "../../base/async.ts";
import { syncFile, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { Ctx } from "../ctx.ts";
import { isTransientStatus, TransientError } from "../transient.ts";
import type { Checksum } from "./catalog.ts";
import { FileHasher } from "./hashing.ts";
import { type Answer, type Fetch, request } from "./http.ts";
import { contentRange, type PartRecord, rangeHeaders, readRecord, removePart } from "./part.ts";

export type DownloadRequest = {
  url: URL;
  /** Where the bytes go. What lies there from an earlier attempt is gone on with; it stays when this is cancelled. */
  part: string;
  /** For messages: the reference. */
  what: string;
  sizeBytes?: number | undefined;
  checksum?: Checksum | undefined;
};

export type Downloaded = {
  sha256: string;
  bytes: number;
  etag: string | undefined;
  lastModified: string | undefined;
};

/** Durations in milliseconds; tests make them short. */
export type DownloadLimits = { stallMs: number; retries: number; backoffMs: number; answerMs: number };
export const DOWNLOAD_LIMITS: DownloadLimits = {
  stallMs: 60_000,
  retries: 5,
  backoffMs: 500,
  answerMs: 30_000,
};

/** No published image comes near this; it ends a server that never stops sending. */
const MAX_BYTES = 2 ** 36;
/** Free space that a download must leave. */
const RESERVE_BYTES = 64 * 2 ** 20;
const PROGRESS_EVERY_MS = 200;
/** How much must come for an interrupted attempt not to count. */
const PROGRESS_BYTES = 2 ** 20;

/**
 * Progress phase `download` in bytes. Resolves when every byte is on disk and fits size and checksum. Rejects with
 * `download-failed` (part deleted when its content is wrong, kept when the connection was), `no-resources` or
 * `timed-out`.
 */
export async function download(
  ctx: Ctx,
  fetch: Fetch,
  wanted: DownloadRequest,
  limits: DownloadLimits = DOWNLOAD_LIMITS,
): Promise<Downloaded> {
  const handle = await open(wanted.part, "a+", 0o600);
  await handle.close();
  const transfer = new Transfer(ctx, fetch, wanted, limits);
  try {
    return await transfer.run();
  } finally {
    await transfer.close();
  }
}

class Transfer {
  readonly #ctx: Ctx;
  readonly #fetch: Fetch;
  readonly #wanted: DownloadRequest;
  readonly #limits: DownloadLimits;
  readonly #hasher: FileHasher;
  #file: FileHandle | undefined;
  #record: PartRecord | undefined;
  #reported = 0;

  constructor(ctx: Ctx, fetch: Fetch, wanted: DownloadRequest, limits: DownloadLimits) {
    this.#ctx = ctx;
    this.#fetch = fetch;
    this.#wanted = wanted;
    this.#limits = limits;
    this.#hasher = new FileHasher(wanted.checksum?.algorithm);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async run(): Promise<Downloaded> {
    this.#file = await open(this.#wanted.part, "r+");
    await this.#loadPart();
    for (let attempt = 0; ; ) {
      const before = this.#hasher.bytes;
      try {
        await this.#attempt();
        break;
      } catch (error) {
        this.#ctx.signal.throwIfAborted();
        if (!(error instanceof TransientError)) throw error;
        // As long as a fair part comes each time it is worth going on: only attempts without count.
        attempt = this.#hasher.bytes - before >= PROGRESS_BYTES ? 1 : attempt + 1;
        if (attempt > this.#limits.retries) throw this.#failed(error);
        this.#ctx.log.warn("download interrupted", {
          url: this.#wanted.url.href,
          reason: error.message,
          attempt,
        });
        this.#progress(`${error.message}; trying again`);
        await sleep(
          this.#limits.backoffMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2),
          this.#ctx.signal,
        );
      }
    }
    return await this.#finish();
  }

  /** Takes over what an earlier attempt left, where it can be told to be of the same file. */
  async #loadPart(): Promise<void> {
    const size = (await this.#handle.stat()).size;
    if (size === 0) return;
    const record = await readRecord(this.#wanted.part);
    const limit = this.#wanted.sizeBytes ?? MAX_BYTES;
    const sameFile = record?.url === this.#wanted.url.href || this.#wanted.checksum !== undefined;
    if (!sameFile || size > limit) return this.#restart();
    this.#record = record;
    this.#ctx.progress({ phase: "verify", message: "checking what was downloaded before" });
    await this.#hasher.add(this.#handle, this.#ctx.signal);
  }

  get #handle(): FileHandle {
    if (!this.#file) throw new Error("the part is closed");
    return this.#file;
  }

  async #restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hasher.reset();
    this.#record = undefined;
  }

  async #attempt(): Promise<void> {
    const { sizeBytes } = this.#wanted;
    if (sizeBytes !== undefined && this.#hasher.bytes === sizeBytes) return;
    const offset = this.#hasher.bytes;
    const headers = rangeHeaders(offset, this.#record, this.#wanted.checksum !== undefined);
    if (offset > 0 && !headers) await this.#restart();
    const { signal } = this.#ctx;
    const answerMs = this.#limits.answerMs;
    const answer = await request(this.#fetch, this.#wanted.url, { signal, headers: headers ?? {}, answerMs });
    try {
      if (await this.#accept(answer.response)) await this.#receive(answer);
    } finally {
      answer.abandon();
    }
  }

  /** Decides what an answer means; false when nothing is left to receive. */
  async #accept(response: Response): Promise<boolean> {
    const { status } = response;
    const range = contentRange(response);
    if (status === 416 && range?.total !== undefined && range.total === this.#hasher.bytes) return false;
    if (status === 416 || (status === 206 && range?.start !== this.#hasher.bytes)) {
      await this.#restart();
      throw new TransientError("the server has another file than before");
    }
    if (status !== 200 && status !== 206) {
      const reason = `the server answered ${status} ${response.statusText}`.trim();
      throw isTransientStatus(status) ? new TransientError(reason) : this.#failed(new Error(reason));
    }
    if (status === 200 && this.#hasher.bytes > 0) await this.#restart();
    const length = response.headers.get("content-length");
    const total = range?.total ?? (length === null ? undefined : this.#hasher.bytes + Number(length));
    await this.#checkTotal(total);
    this.#record = {
      url: this.#wanted.url.href,
      etag: response.headers.get("etag") ?? undefined,
      lastModified: response.headers.get("last-modified") ?? undefined,
      total,
    };
    await writeFileDurable(`${this.#wanted.part}.json`, JSON.stringify(this.#record));
    return true;
  }

  async #checkTotal(total: number | undefined): Promise<void> {
    const { sizeBytes } = this.#wanted;
    if (sizeBytes !== undefined && total !== undefined && total !== sizeBytes)
      throw await this.#wrong(`it has ${total} bytes, the catalog says ${sizeBytes}`);
    const needed = (total ?? sizeBytes ?? 0) - this.#hasher.bytes;
    const folder = path.dirname(this.#wanted.part);
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize >= needed + RESERVE_BYTES) return;
    const numbers = `${formatBytes(needed)} needed, ${formatBytes(bavail * bsize)} free in ${folder}`;
    throw new EngineError("no-resources", `cannot download ${this.#wanted.what}: ${numbers}`, {
      hint: "Free some disk space, then try again. `berth image prune` removes unused images.",
    });
  }

  async #receive(answer: Answer): Promise<void> {
    const limit = this.#wanted.sizeBytes ?? this.#record?.total ?? MAX_BYTES;
    const { stallMs } = this.#limits;
    let stalled = false;
    const onStall = () => {
      stalled = true;
      answer.abandon();
    };
    const timer = setTimeout(onStall, stallMs);
    try {
      for await (const chunk of answer.response.body ?? []) {
        timer.refresh();
        if (this.#hasher.bytes + chunk.length > limit)
          throw await this.#wrong(`it is longer than ${limit} bytes`);
        await this.#write(chunk);
      }
    } catch (error) {
      this.#ctx.signal.throwIfAborted();
      if (error instanceof EngineError || isDiskError(error)) throw this.#diskError(error);
      throw new TransientError(stalled ? `no data for ${stallMs / 1000} s` : lostReason(error), {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
    const total = this.#wanted.sizeBytes ?? this.#record?.total;
    if (total !== undefined && this.#hasher.bytes < total)
      throw new TransientError(`the connection ended after ${this.#hasher.bytes} of ${total} bytes`);
    this.#progress();
  }

  async #write(chunk: Uint8Array): Promise<void> {
    for (let written = 0; written < chunk.length; ) {
      const rest = chunk.length - written;
      const { bytesWritten } = await this.#handle.write(chunk, written, rest, this.#hasher.bytes + written);
      written += bytesWritten;
    }
    this.#hasher.update(chunk);
    if (Date.now() - this.#reported >= PROGRESS_EVERY_MS) this.#progress();
  }

  #progress(message?: string): void {
    this.#reported = Date.now();
    const total = this.#wanted.sizeBytes ?? this.#record?.total;
    this.#ctx.progress({
      phase: "download",
      done: this.#hasher.bytes,
      ...(total ? { total } : {}),
      ...(message === undefined ? {} : { message }),
    });
  }

  async #finish(): Promise<Downloaded> {
    const { checksum } = this.#wanted;
    const { sha256, wanted } = this.#hasher.digest();
    if (checksum && wanted !== checksum.hex) {
      const name = checksum.algorithm === "sha512" ? "SHA-512" : "SHA-256";
      throw await this.#wrong(`its ${name} is ${wanted}, the catalog says ${checksum.hex}`);
    }
    await this.close();
    await syncFile(this.#wanted.part);
    const { etag, lastModified } = this.#record ?? {};
    return { sha256, bytes: this.#hasher.bytes, etag, lastModified };
  }

  /** The content is not what was promised: nothing of it is kept. */
  async #wrong(reason: string): Promise<EngineError> {
    await this.close();
    await removePart(this.#wanted.part);
    return new EngineError("download-failed", `cannot download ${this.#wanted.what}: ${reason}`, {
      hint: "It was deleted. Try again; if it happens again, the server or something on the way changes the file.",
      details: { url: this.#wanted.url.href },
    });
  }

  #failed(error: Error): EngineError {
    const { what, url } = this.#wanted;
    return new EngineError("download-failed", `cannot download ${what} from ${url.href}: ${error.message}`, {
      hint: "Check the network, then try again: a download goes on where it ended.",
      cause: error,
    });
  }

  #diskError(error: unknown): unknown {
    if (error instanceof EngineError || !isDiskError(error)) return error;
    return new EngineError("no-resources", `cannot download ${this.#wanted.what}: ${messageOf(error)}`, {
      hint: "Free some disk space, then try again: the download goes on where it ended.",
      cause: error,
    });
  }
}

const isDiskError = (error: unknown): boolean =>
  error instanceof Error && /^(ENOSPC|EDQUOT|EIO|EFBIG)$/.test((error as NodeJS.ErrnoException).code ?? "");

function lostReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return `the connection was lost (${cause === undefined ? messageOf(error) : messageOf(cause)})`;
}
