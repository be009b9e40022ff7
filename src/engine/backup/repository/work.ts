/** What a piece of work on a repository needs, begun and ended together: a lock, threads, the index. */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { pacedPlace } from "../places/paced.ts";
import type { Place } from "../places/place.ts";
import { Crew } from "./crew.ts";
import { JsonFiles } from "./files.ts";
import { Lock } from "./lock.ts";
import { loadIndex, type PackIndex } from "./pack-index.ts";

/** How much of the host work may take. */
export type Limits = {
  /** Threads that sum up, compress and encrypt. */
  threads?: number;
  /** Of a processor, 0 to 1, for each thread. */
  share?: number;
  /** To and from the place. */
  bytesPerSecond?: number;
};

/**
 * `shared` for who adds, `exclusive` for who removes, `if-possible` for who reads: a repository on a full disk, or on one
 * that is read-only, must still give back what is in it.
 */
export type LockKind = "shared" | "exclusive" | "if-possible";

/** Two keep up with most disks; more would slow down the instances that are backed up. */
const THREADS = 2;

export type WorkSettings = {
  worker: string | URL;
  files: JsonFiles;
  compressed: boolean;
  limits: Limits;
  settleMs: number;
  /** How long others' locks are waited for. */
  waitMs?: number | undefined;
};

export class Work implements AsyncDisposable {
  /** Its signal aborts with the caller's, and when the lock is lost. */
  readonly ctx: Ctx;
  readonly place: Place;
  readonly files: JsonFiles;
  readonly crew: Crew;
  /** None where reading goes on without. */
  readonly lock: Lock | undefined;

  private constructor(ctx: Ctx, lock: Lock | undefined, { worker, files, compressed, limits }: WorkSettings) {
    this.ctx = lock ? { ...ctx, signal: AbortSignal.any([ctx.signal, lock.lost]) } : ctx;
    this.lock = lock;
    this.place = limits.bytesPerSecond ? pacedPlace(files.place, limits.bytesPerSecond) : files.place;
    this.files = new JsonFiles(this.place, files.key, { compressed });
    const { threads = THREADS, share = 1 } = limits;
    this.crew = new Crew({ worker, threads, share, key: files.key, compressed });
  }

  static async begin(ctx: Ctx, settings: WorkSettings, kind: LockKind): Promise<Work> {
    return new Work(ctx, await takeLock(ctx, settings, kind), settings);
  }

  /** The index as it is now. Without `onDamage`, a file of it that cannot be read ends the work. */
  loadIndex(known?: PackIndex, onDamage?: (error: unknown, name: string) => void): Promise<PackIndex> {
    const refuse = (error: unknown) => {
      throw error;
    };
    return loadIndex(this.ctx, this.place, this.crew, {
      ...(known ? { known } : {}),
      onDamage: onDamage ?? refuse,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crew[Symbol.asyncDispose]();
    await this.lock?.[Symbol.asyncDispose]();
  }
}

async function takeLock(
  ctx: Ctx,
  { files, settleMs, waitMs = 0 }: WorkSettings,
  kind: LockKind,
): Promise<Lock | undefined> {
  try {
    return await Lock.take(ctx, files, { exclusive: kind === "exclusive", settleMs, waitMs });
  } catch (error) {
    const isFull =
      error instanceof EngineError && (error.code === "no-resources" || error.code === "permission-denied");
    if (kind !== "if-possible" || !isFull) throw error;
    ctx.log.warn("a backup repository is read without a lock, for none can be written", { error });
    return undefined;
  }
}
