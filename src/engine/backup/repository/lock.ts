/**
 * Locks, as restic has them: files that others see. A shared one for who reads or adds, an exclusive one for who removes;
 * none of these while others hold one. A lock is left behind where its process was killed. Only such a lock of this host,
 * whose process is known to be gone, is removed by itself; any other is somebody's, and is broken by the user alone: its
 * age says nothing where clocks differ or a laptop slept.
 */
import * as z from "zod";
import { sleep, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { isAlive } from "../../../base/process-identity.ts";
import type { Ctx } from "../../ctx.ts";
import { damaged, isDamage } from "./damage.ts";
import type { JsonFiles } from "./files.ts";
import { goTimeOfMs } from "./go-text.ts";
import { whoAmI } from "./who.ts";

/** Restic's others take a lock for left behind after half an hour. */
const REFRESH_MS = 5 * 60_000;
const RETRY_MS = 60_000;
const LOST_AFTER_MS = 20 * 60_000;

/** A place that does not answer keeps no lock's end waiting for longer. */
const RELEASE_MS = 30_000;

/** Two that lock at the same time see each other after this. Restic waits as long. */
export const SETTLE_MS = 200;

const LockJson = z.object({
  time: z.string().max(64),
  exclusive: z.boolean().default(false),
  hostname: z.string().max(1024).default(""),
  username: z.string().max(1024).default(""),
  pid: z.number().int().default(0),
});

export type LockFacts = z.infer<typeof LockJson> & { name: string };

/** A place tells nobody when a lock goes, so it is looked for. */
const LOOK_MS = 2_000;

export type LockOptions = {
  exclusive: boolean;
  settleMs: number;
  /** How long others' locks are waited for. */
  waitMs?: number;
};

/** Those that this process holds. One with its pid that is not among them is of a process before it. */
const held = new Set<string>();

export class Lock implements AsyncDisposable {
  readonly exclusive: boolean;
  readonly #log: Ctx["log"];
  readonly #files: JsonFiles;
  readonly #lost = new AbortController();
  #name: string;
  #refreshedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> = Promise.resolve();

  private constructor(ctx: Ctx, files: JsonFiles, exclusive: boolean, name: string) {
    this.#log = ctx.log;
    this.#files = files;
    this.exclusive = exclusive;
    this.#name = name;
    this.#schedule(REFRESH_MS);
  }

  /** Rejects with `busy`, naming whoever holds one, when that has been waited for. */
  static async take(ctx: Ctx, files: JsonFiles, options: LockOptions): Promise<Lock> {
    const until = performance.now() + (options.waitMs ?? 0);
    for (;;) {
      try {
        return await Lock.#take(ctx, files, options);
      } catch (error) {
        const leftMs = until - performance.now();
        if (!(error instanceof EngineError) || error.code !== "busy" || leftMs <= 0) throw error;
        ctx.progress({ phase: "wait", message: error.message });
        await sleep(Math.min(LOOK_MS, leftMs), ctx.signal);
      }
    }
  }

  static async #take(ctx: Ctx, files: JsonFiles, { exclusive, settleMs }: LockOptions): Promise<Lock> {
    await refuseOthers(ctx, files, exclusive, undefined);
    const name = await save(ctx, files, exclusive);
    const lock = new Lock(ctx, files, exclusive, name);
    try {
      await sleep(settleMs, ctx.signal);
      await refuseOthers(ctx, files, exclusive, name);
      return lock;
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Aborts when the lock is no longer there, or could not be renewed for so long that others may take it for left. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Rejects where the lock has gone: after a long sleep of this host, say. To be asked before what relies on it. */
  async assertHeld(ctx: Ctx): Promise<void> {
    this.#lost.signal.throwIfAborted();
    await this.#refreshing;
    if (!(await this.#files.place.stat(ctx, { kind: "locks", name: this.#name })))
      this.#lose("somebody has removed it");
    this.#lost.signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#refreshing;
    held.delete(this.#name);
    await this.#within((ctx) => this.#files.place.remove(ctx, { kind: "locks", name: this.#name })).catch(
      (error: unknown) => this.#log.warn("a lock of a backup repository is left behind", { error }),
    );
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#refreshing = this.#within((ctx) => this.#refresh(ctx)).then(
        () => this.#again(REFRESH_MS),
        (error: unknown) => {
          this.#log.warn("a lock of a backup repository could not be renewed", { error });
          if (performance.now() - this.#refreshedAt > LOST_AFTER_MS) this.#lose("it could not be renewed");
          else this.#again(RETRY_MS);
        },
      );
    }, ms);
    this.#timer.unref();
  }

  #again(ms: number): void {
    if (this.#timer && !this.#lost.signal.aborted) this.#schedule(ms);
  }

  /** A new file with the time of now, then the old one goes. */
  async #refresh(ctx: Ctx): Promise<void> {
    const old = this.#name;
    if (!(await this.#files.place.stat(ctx, { kind: "locks", name: old })))
      return this.#lose("somebody has removed it");
    this.#name = await save(ctx, this.#files, this.exclusive);
    this.#refreshedAt = performance.now();
    held.delete(old);
    await this.#files.place.remove(ctx, { kind: "locks", name: old });
  }

  /** What a lock does by itself has no caller who would cancel it. */
  async #within<T>(work: (ctx: Ctx) => Promise<T>): Promise<T> {
    const { signal, done } = withDeadline(RELEASE_MS);
    try {
      return await work({ signal, log: this.#log, progress: () => {} });
    } finally {
      done();
    }
  }

  #lose(reason: string): void {
    this.#lost.abort(
      new EngineError("busy", `cannot go on with the repository: its lock is lost: ${reason}`, {
        hint: "Try again.",
      }),
    );
  }
}

async function save(ctx: Ctx, files: JsonFiles, exclusive: boolean): Promise<string> {
  const { username, hostname, uid, gid } = whoAmI();
  const name = await files.save(ctx, "locks", {
    time: goTimeOfMs(Date.now()),
    exclusive,
    hostname,
    username,
    pid: process.pid,
    ...(uid > 0 ? { uid } : {}),
    ...(gid > 0 ? { gid } : {}),
  });
  held.add(name);
  return name;
}

async function refuseOthers(
  ctx: Ctx,
  files: JsonFiles,
  exclusive: boolean,
  own: string | undefined,
): Promise<void> {
  for (const lock of await readLocks(ctx, files)) {
    if (lock.name === own) continue;
    if (isLeft(lock)) {
      ctx.log.info("a lock that a process of this host has left is removed", {
        lock: lock.name,
        pid: lock.pid,
      });
      await files.place.remove(ctx, { kind: "locks", name: lock.name });
      continue;
    }
    if (exclusive || lock.exclusive) throw locked(files.place.name, lock);
  }
}

function locked(place: string, lock: LockFacts): EngineError {
  const who = `${lock.username}@${lock.hostname}, process ${lock.pid}, since ${lock.time}`;
  return new EngineError("busy", `cannot use the repository ${place}: ${who}, has locked it`, {
    hint: "Wait until that is done. If nothing there works on the repository any more, break its lock.",
    details: { lock: lock.name, hostname: lock.hostname, pid: lock.pid, exclusive: lock.exclusive },
  });
}

/** Of this host, and no process of it holds it. */
function isLeft(lock: LockFacts): boolean {
  if (lock.hostname !== whoAmI().hostname || lock.pid <= 0) return false;
  return lock.pid === process.pid ? !held.has(lock.name) : !isAlive(lock.pid);
}

/** All locks there are. One that goes meanwhile is none; one that cannot be read is an error, for it may be somebody's. */
export async function readLocks(ctx: Ctx, files: JsonFiles): Promise<LockFacts[]> {
  const locks: LockFacts[] = [];
  for await (const { name, sizeBytes } of files.place.list(ctx, "locks")) {
    if (sizeBytes === 0) continue; // A place that cannot save whole files left it; restic passes over it, too.
    try {
      const { data } = LockJson.safeParse(await files.load(ctx, { kind: "locks", name, sizeBytes }));
      if (!data) throw damaged(`the lock ${name}`, "it says not whose it is");
      locks.push({ ...data, name });
    } catch (error) {
      if (error instanceof EngineError && error.code === "not-found") continue;
      if (isDamage(error)) throw unreadable(files.place.name, name, error);
      throw error;
    }
  }
  return locks;
}

function unreadable(place: string, name: string, cause: unknown): EngineError {
  return new EngineError("busy", `cannot use the repository ${place}: its lock ${name} cannot be read`, {
    hint: "If nothing works on the repository, break its locks.",
    details: { lock: name },
    cause,
  });
}

/** Removes locks whoever they are of: only the user may ask for it. Without names, all. */
export async function breakLocks(ctx: Ctx, files: JsonFiles, names?: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  for (const name of names ?? (await files.names(ctx, "locks"))) {
    await files.place.remove(ctx, { kind: "locks", name });
    broken.push(name);
  }
  return broken;
}
