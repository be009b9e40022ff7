/**
 * The disks of a backup as they can be lent to a guest: the repository stays open while they are, and whatever of them is asked
 * for is read from there.
 */
import path from "node:path";
import { abortable, type Deferred, deferred } from "../../../base/async.ts";
import { privateDirectory } from "../../../base/durable.ts";
import type { Ctx } from "../../ctx.ts";
import { type NbdServer, type ServedBytes, serveNbd } from "../../drivers/nbd-server.ts";
import type { LentDisk } from "../../drivers/running.ts";
import { diskPath } from "../definition.ts";
import { snapshotOf } from "../find-backup.ts";
import type { Repositories, RepositoryRecord } from "../repositories.ts";
import { CHUNK_BYTES } from "../repository/chunks.ts";
import type { StoredFile } from "../repository/stored-file.ts";

/** 32 MiB of each disk: a guest asks for a few KiB at a time, and a piece is opened as a whole. */
const MOST_KEPT = 64;

export type Lending = {
  record: RepositoryRecord;
  backup: string;
  /** Ids of its disks there. */
  disks: readonly string[];
  /** Where they are served, and how these sockets' names begin. */
  sockets: { directory: string; prefix: string };
};

export class LentBackup {
  readonly disks: Omit<LentDisk, "isSealed">[] = [];
  readonly #servers: NbdServer[] = [];
  readonly #over: Deferred<void> = deferred();
  readonly #givenUp = new AbortController();
  #using: Promise<void> = Promise.resolve();
  #readAt = performance.now();

  private constructor() {}

  /** `ctx` counts until it is open. */
  static async open(repositories: Repositories, ctx: Ctx, lending: Lending): Promise<LentBackup> {
    const lent = new LentBackup();
    try {
      await abortable(lent.#open(repositories, ctx, lending), ctx.signal);
      return lent;
    } catch (error) {
      lent.#givenUp.abort();
      await lent.close();
      throw error;
    }
  }

  /** How long nobody has read anything. */
  get idleMs(): number {
    return performance.now() - this.#readAt;
  }

  /** Resolves when nothing of it is open any more. May be repeated. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
    this.#over.resolve();
    await this.#using.catch(() => {});
  }

  #open(repositories: Repositories, ctx: Ctx, { record, backup, disks, sockets }: Lending): Promise<void> {
    const opened = deferred<void>();
    const own: Ctx = { ...ctx, signal: this.#givenUp.signal, progress: () => {} };
    this.#using = repositories.use(own, record, async (repository) => {
      const snapshot = await snapshotOf(own, repository, backup, "show the files of the backup");
      await using reader = await repository.read(own);
      await privateDirectory(sockets.directory);
      for (const [slot, id] of disks.entries()) {
        const file = await reader.open(own, await reader.node(own, snapshot, diskPath(id)));
        const socket = path.join(sockets.directory, `${sockets.prefix}.le${slot}`);
        const bytes = new CachedFile(file, own, () => {
          this.#readAt = performance.now();
        });
        this.#servers.push(await serveNbd(socket, bytes, ctx.log));
        this.disks.push({ name: `lent${slot}`, slot, sizeBytes: file.sizeBytes, socket });
      }
      opened.resolve();
      await this.#over.promise;
    });
    this.#using.catch((error: unknown) => opened.reject(error));
    return opened.promise;
  }
}

/** A file of a backup, read in any order. */
class CachedFile implements ServedBytes {
  readonly sizeBytes: number;
  readonly #file: StoredFile;
  readonly #ctx: Ctx;
  readonly #onRead: () => void;
  /** The one that was used last is the last. */
  readonly #kept = new Map<number, Promise<Buffer>>();

  constructor(file: StoredFile, ctx: Ctx, onRead: () => void) {
    this.sizeBytes = file.sizeBytes;
    this.#file = file;
    this.#ctx = ctx;
    this.#onRead = onRead;
  }

  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    this.#onRead();
    const end = offset + lengthBytes;
    const first = Math.floor(offset / CHUNK_BYTES);
    const count = Math.ceil(end / CHUNK_BYTES) - first;
    const blocks = await Promise.all(Array.from({ length: count }, (_, at) => this.#block(first + at)));
    const [only] = blocks;
    const whole = only && blocks.length === 1 ? only : Buffer.concat(blocks);
    return whole.subarray(offset - first * CHUNK_BYTES, end - first * CHUNK_BYTES);
  }

  #block(number: number): Promise<Buffer> {
    const block = this.#kept.get(number) ?? this.#load(number);
    this.#kept.delete(number);
    this.#kept.set(number, block);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    // Another time it may be there.
    block.catch(() => this.#kept.delete(number));
    return block;
  }

  async #load(number: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#file.read(this.#ctx, number * CHUNK_BYTES, CHUNK_BYTES)) parts.push(part);
    return Buffer.concat(parts);
  }
}
