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
import { CachedFile } from "./cached-file.ts";

/** 32 MiB of each disk: a guest asks for a few KiB at a time, and a piece is opened as a whole. */
const MOST_KEPT = 64;

export type Lending = {
  record: RepositoryRecord;
  backup: string;
  /** Ids of its disks there. */
  disks: readonly string[];
  /** Where they are served, and how these sockets' names begin. */
  sockets: { directory: string; prefix: string };
  /** Told of what could not be read; whoever reads then waits, until it is served anew. Left out, the reader is told. */
  onLost?: (error: unknown) => void;
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
    // A place that is away would be waited for, by reads that nobody wants any more.
    this.#givenUp.abort();
    this.#over.resolve();
    await this.#using.catch(() => {});
  }

  #open(repositories: Repositories, ctx: Ctx, lending: Lending): Promise<void> {
    const { record, backup, disks, sockets, onLost } = lending;
    const opened = deferred<void>();
    const own: Ctx = { ...ctx, signal: this.#givenUp.signal, progress: () => {} };
    // Whoever is told of what is lost asks again, and says so meanwhile.
    const use: Repositories["use"] = (...how) =>
      onLost ? repositories.useNow(...how) : repositories.use(...how);
    this.#using = use(own, record, async (repository) => {
      const snapshot = await snapshotOf(own, repository, backup, "show the files of the backup");
      await using reader = await repository.read(own);
      await privateDirectory(sockets.directory);
      for (const [slot, id] of disks.entries()) {
        const file = await reader.open(own, await reader.node(own, snapshot, diskPath(id)));
        const socket = path.join(sockets.directory, `${sockets.prefix}.le${slot}`);
        const cached = new CachedFile(file, own, MOST_KEPT);
        const bytes: ServedBytes = {
          sizeBytes: file.sizeBytes,
          isZero: (offset, lengthBytes) => file.isZero(offset, lengthBytes),
          read: (offset, lengthBytes) => {
            this.#readAt = performance.now();
            const read = cached.read(offset, lengthBytes);
            return onLost ? read.catch((error: unknown) => this.#lost(error, onLost)) : read;
          },
        };
        this.#servers.push(await serveNbd(socket, bytes, ctx.log));
        this.disks.push({ name: `lent${slot}`, slot, sizeBytes: file.sizeBytes, socket });
      }
      opened.resolve();
      await this.#over.promise;
    });
    this.#using.catch((error: unknown) => opened.reject(error));
    return opened.promise;
  }

  async #lost(error: unknown, onLost: (error: unknown) => void): Promise<never> {
    onLost(error);
    await this.#over.promise;
    throw error;
  }
}
