/**
 * A backup repository: opened with a password, then backups are made in it, read from it, forgotten, and what none of them
 * needs is pruned. Its format is restic's, version 2, so that restic reads it, too; version 1 is read and written as it is.
 *
 * Each piece of work takes its lock and starts its threads when it begins and gives both up when it ends. A repository that
 * nobody works on holds nothing but its key and, once it was loaded, its index.
 */
import { EngineError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "../places/place.ts";
import { type CheckOptions, type CheckResult, check } from "./check.ts";
import { newConfig, parseConfig, type RepositoryConfig } from "./config.ts";
import { type MasterKey, newMasterKey } from "./crypt.ts";
import { isDamage } from "./damage.ts";
import { JsonFiles, loadNamed, saveNamed, wordsFor } from "./files.ts";
import { type KeySlot, makeKeyFile, openKeyFile, slotOf } from "./key-file.ts";
import { breakLocks, type LockFacts, readLocks, SETTLE_MS } from "./lock.ts";
import type { PackIndex } from "./pack-index.ts";
import { type PruneOptions, type PruneResult, prune } from "./prune.ts";
import { BackupReader } from "./reader.ts";
import type { Snapshot } from "./snapshot.ts";
import { forget, loadSnapshots, retag, type Snapshots } from "./snapshots.ts";
import { type Limits, type LockKind, Work } from "./work.ts";
import { BackupWriter } from "./writer.ts";
import { HAS_ZSTD } from "./zstd.ts";

export type RepositoryOptions = {
  /** The file of `worker.ts`, which threads run. */
  worker: string | URL;
  limits?: Limits;
  /** Off for data that is encrypted or compressed already. */
  compressed?: boolean;
  /** How long two that lock at the same time may not see each other: longer than usual where a place's lists lag. */
  settleMs?: number;
};

/** Restic tries as many. */
const MAX_KEYS = 20;

export class Repository {
  /** Its own id, the same at every place it is copied to. */
  readonly id: string;
  readonly place: Place;
  readonly #files: JsonFiles;
  readonly #options: RepositoryOptions;
  readonly #compressed: boolean;
  /** The slot that opened it. */
  #keyName: string;
  #index: PackIndex | undefined;

  private constructor(
    files: JsonFiles,
    config: RepositoryConfig,
    keyName: string,
    options: RepositoryOptions,
  ) {
    this.id = config.id;
    this.place = files.place;
    this.#files = files;
    this.#keyName = keyName;
    this.#options = options;
    this.#compressed = config.version === 2 && HAS_ZSTD && (options.compressed ?? true);
  }

  /** Makes one where none is. Errors: `already-exists`. */
  static async init(
    ctx: Ctx,
    place: Place,
    password: Secret,
    options: RepositoryOptions,
  ): Promise<Repository> {
    await place.create(ctx);
    if (await place.stat(ctx, CONFIG))
      throw new EngineError(
        "already-exists",
        `cannot make a repository in ${place.name}: there is one already`,
        {
          hint: "Open it with its password, or choose another place.",
        },
      );
    const key = newMasterKey();
    const keyName = await saveNamed(ctx, place, "keys", await makeKeyFile(password, key));
    const config = newConfig();
    const files = new JsonFiles(place, key, { compressed: HAS_ZSTD });
    await files.saveConfig(ctx, config);
    // Two may have done this at the same time: then only one of the configs is there.
    if (parseConfig(await files.load(ctx, CONFIG)).id !== config.id) throw madeByAnother(place);
    return new Repository(files, config, keyName, options);
  }

  /** Errors: `unauthenticated` for a wrong password, `not-found` where no repository is. */
  static async open(
    ctx: Ctx,
    place: Place,
    password: Secret,
    options: RepositoryOptions,
  ): Promise<Repository> {
    if (!(await place.stat(ctx, CONFIG)))
      throw new EngineError("not-found", `cannot open a repository in ${place.name}: there is none`, {
        hint: "Look whether the place is right; make a new repository where there has never been one.",
      });
    const { key, name } = await findKey(ctx, place, password);
    const sealed = new JsonFiles(place, key, { compressed: false });
    const config = parseConfig(await sealed.load(ctx, CONFIG));
    const files = new JsonFiles(place, key, { compressed: config.version === 2 && HAS_ZSTD });
    return new Repository(files, config, name, options);
  }

  /** Its slots; one of them opened it. */
  async keys(ctx: Ctx): Promise<(KeySlot & { isOwn: boolean })[]> {
    const slots: (KeySlot & { isOwn: boolean })[] = [];
    for (const name of await this.#files.names(ctx, "keys")) {
      const bytes = await loadNamed(ctx, this.place, { kind: "keys", name });
      slots.push({ ...slotOf(name, bytes, wordsFor({ kind: "keys", name })), isOwn: name === this.#keyName });
    }
    return slots;
  }

  /** Another password that opens it. */
  async addKey(ctx: Ctx, password: Secret): Promise<string> {
    return saveNamed(ctx, this.place, "keys", await makeKeyFile(password, this.#files.key));
  }

  /** Its password opens it no longer; but whoever had it may have kept the master key. Errors: `wrong-state` for one's own. */
  async removeKey(ctx: Ctx, name: string): Promise<void> {
    if (name === this.#keyName)
      throw new EngineError("wrong-state", "cannot remove the password that the repository was opened with", {
        hint: "Open it with another one first, or change it.",
      });
    await this.place.remove(ctx, { kind: "keys", name });
  }

  /** The new one works before the old one stops. */
  async changePassword(ctx: Ctx, password: Secret): Promise<void> {
    const old = this.#keyName;
    this.#keyName = await this.addKey(ctx, password);
    await this.place.remove(ctx, { kind: "keys", name: old });
  }

  snapshots(ctx: Ctx): Promise<Snapshots> {
    return loadSnapshots(ctx, this.#files);
  }

  /** Begins a backup; whoever has it ends it. */
  backup(ctx: Ctx, limits?: Limits): Promise<BackupWriter> {
    return this.#begin(ctx, "shared", limits, (work, index) => new BackupWriter(work, index));
  }

  /** Begins to read; whoever has it ends it. It finds what was in the repository by now: list the backups before. */
  read(ctx: Ctx, limits?: Limits): Promise<BackupReader> {
    return this.#begin(ctx, "if-possible", limits, (work, index) => new BackupReader(work, index));
  }

  /** Backups go from the list; what they held goes with the next prune. */
  forget(ctx: Ctx, ids: readonly string[]): Promise<void> {
    return this.#with(ctx, "shared", {}, ({ ctx: own, files }) => forget(own, files, ids));
  }

  retag(ctx: Ctx, id: string, tags: readonly string[]): Promise<Snapshot> {
    return this.#with(ctx, "shared", {}, ({ ctx: own, files }) => retag(own, files, id, tags));
  }

  /** Errors: `busy` while others, or backups of ours, work on it, when `waitMs` has passed. */
  async prune(
    ctx: Ctx,
    options: PruneOptions & { limits?: Limits; waitMs?: number } = {},
  ): Promise<PruneResult> {
    try {
      await using work = await this.#work(ctx, "exclusive", options.limits, options.waitMs);
      return await prune(work, options);
    } finally {
      this.#index = undefined;
    }
  }

  /** What is wrong with it, file by file. */
  check(ctx: Ctx, options: CheckOptions & { limits?: Limits } = {}): Promise<CheckResult> {
    this.#index = undefined; // All of it is read anew: two would be in memory.
    return this.#with(ctx, "if-possible", options.limits, (work) => check(work, options));
  }

  locks(ctx: Ctx): Promise<LockFacts[]> {
    return readLocks(ctx, this.#files);
  }

  /** Removes locks whoever holds them, all where none is named. Only a user may ask for it, having been told whose they are. */
  breakLocks(ctx: Ctx, names?: readonly string[]): Promise<string[]> {
    return breakLocks(ctx, this.#files, names);
  }

  async #begin<T>(
    ctx: Ctx,
    lock: LockKind,
    limits: Limits | undefined,
    make: (work: Work, index: PackIndex) => T,
  ): Promise<T> {
    const work = await this.#work(ctx, lock, limits);
    try {
      this.#index = await work.loadIndex(this.#index);
      return make(work, this.#index);
    } catch (error) {
      await work[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #with<T>(
    ctx: Ctx,
    lock: LockKind,
    limits: Limits | undefined,
    body: (work: Work) => Promise<T>,
  ): Promise<T> {
    await using work = await this.#work(ctx, lock, limits);
    return await body(work);
  }

  #work(ctx: Ctx, lock: LockKind, limits: Limits | undefined, waitMs?: number): Promise<Work> {
    const settings = {
      worker: this.#options.worker,
      files: this.#files,
      compressed: this.#compressed,
      limits: { ...this.#options.limits, ...limits },
      settleMs: this.#options.settleMs ?? SETTLE_MS,
      waitMs,
    };
    return Work.begin(ctx, settings, lock);
  }
}

const CONFIG = { kind: "config", name: "" } as const;

function madeByAnother(place: Place): EngineError {
  return new EngineError(
    "already-exists",
    `cannot make a repository in ${place.name}: another one was just made there`,
  );
}

/** The first slot that the password opens. A damaged one is passed over, and told of where no other fits. */
async function findKey(ctx: Ctx, place: Place, password: Secret): Promise<{ key: MasterKey; name: string }> {
  let tried = 0;
  let damage: unknown;
  for await (const { name, sizeBytes } of place.list(ctx, "keys")) {
    if (tried++ >= MAX_KEYS) break;
    ctx.signal.throwIfAborted();
    try {
      const bytes = await loadNamed(ctx, place, { kind: "keys", name, sizeBytes });
      const key = await openKeyFile(password, bytes, wordsFor({ kind: "keys", name }));
      if (key) return { key, name };
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage ??= error;
    }
  }
  if (damage) throw damage;
  throw new EngineError(
    "unauthenticated",
    `cannot open the repository in ${place.name}: the password is wrong`,
    {
      hint: "Give its password; the recovery kit has it.",
    },
  );
}
