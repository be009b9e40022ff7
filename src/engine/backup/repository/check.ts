/** Looks whether a repository is whole: all that backups need is there, and what is read of it is what was written. */
import { setImmediate } from "node:timers/promises";
import { EngineError, messageOf } from "../../../base/errors.ts";
import type { FileKind } from "../places/place.ts";
import { BlobReader } from "./blob-reader.ts";
import { movable } from "./crew.ts";
import { isDamage } from "./damage.ts";
import { loadNamed, wordsFor } from "./files.ts";
import { hex, sha256 } from "./ids.ts";
import { slotOf } from "./key-file.ts";
import { Marks } from "./marks.ts";
import { bytesInPack, PACK_FRAME_BYTES } from "./pack.ts";
import { ByPack, PACKS_AT_ONCE, type PackIndex } from "./pack-index.ts";
import { rowsOf } from "./rows.ts";
import { loadSnapshots } from "./snapshots.ts";
import { Tasks } from "./tasks.ts";
import type { Work } from "./work.ts";

/** What is wrong, and with which file. */
export type Problem = { file: string; problem: string };

export type CheckOptions = {
  /** Which packs to read whole: a share of all (1 is every one), or those that are named. Without it, none. */
  read?: { share: number; seed?: string } | { packs: readonly string[] };
};

export type CheckResult = {
  problems: Problem[];
  snapshots: number;
  packs: number;
  /** Packs that no index names: what a backup that was cut off has left. No harm, and gone with the next prune. */
  orphans: number;
  readPacks: number;
  readBytes: number;
};

export async function check(work: Work, options: CheckOptions): Promise<CheckResult> {
  const checking = new Checking(work);
  await checking.keysAndLocks();
  const { snapshots, unreadable } = await loadSnapshots(work.ctx, work.files);
  for (const { id, error } of unreadable) checking.failed("snapshots", id, error);
  const index = await work.loadIndex(undefined, (error, name) => checking.failed("index", name, error));
  const byPack = await ByPack.of(index);
  const sizes = await checking.packs(index, byPack);
  await checking.trees(
    index,
    sizes,
    snapshots.map(({ tree }) => tree),
  );
  await checking.read(index, byPack, chosen(checking.fit, options.read));
  const listed = new Set(index.packs);
  return {
    problems: checking.problems,
    snapshots: snapshots.length,
    packs: sizes.size,
    orphans: [...sizes.keys()].filter((name) => !listed.has(name)).length,
    readPacks: checking.readPacks,
    readBytes: checking.readBytes,
  };
}

/** By the sum of seed and name: with another seed another share, with the same one the same. */
function chosen(names: readonly string[], read: CheckOptions["read"]): string[] {
  if (!read) return [];
  if ("packs" in read) return names.filter((name) => read.packs.includes(name));
  const { share, seed = "" } = read;
  const isChosen = (name: string) =>
    Number.parseInt(hex(sha256(Buffer.from(seed + name))).slice(0, 8), 16) < share * 2 ** 32;
  return names.filter(isChosen);
}

class Checking {
  readonly problems: Problem[] = [];
  /** The packs that are as long as they should be: only these are worth reading. */
  readonly fit: string[] = [];
  readPacks = 0;
  readBytes = 0;
  readonly #work: Work;

  constructor(work: Work) {
    this.#work = work;
  }

  wrong(file: string, problem: string): void {
    this.problems.push({ file, problem });
  }

  failed(kind: FileKind, name: string, error: unknown): void {
    if (!isDamage(error)) throw error;
    this.wrong(wordsFor({ kind, name }), messageOf(error));
  }

  async keysAndLocks(): Promise<void> {
    const { ctx, files } = this.#work;
    for (const name of await files.names(ctx, "keys")) {
      try {
        slotOf(
          name,
          await loadNamed(ctx, files.place, { kind: "keys", name }),
          wordsFor({ kind: "keys", name }),
        );
      } catch (error) {
        this.failed("keys", name, error);
      }
    }
    for (const name of await files.names(ctx, "locks"))
      await files.load(ctx, { kind: "locks", name }).catch((error: unknown) => this.#failedLock(name, error));
  }

  /** Others take and release locks meanwhile. */
  #failedLock(name: string, error: unknown): void {
    if (error instanceof EngineError && error.code === "not-found") return;
    this.failed("locks", name, error);
  }

  /** Whether packs are there and as long as the index says; how long all are. */
  async packs(index: PackIndex, byPack: ByPack): Promise<Map<string, number>> {
    const { ctx, place } = this.#work;
    const sizes = new Map<string, number>();
    for await (const { name, sizeBytes } of place.list(ctx, "data")) sizes.set(name, sizeBytes);
    for (const [pack, name] of index.packs.entries()) {
      if (pack % PACKS_AT_ONCE === 0) await setImmediate();
      const expected = byPack.blobs(pack).reduce((sum, blob) => sum + bytesInPack(blob), PACK_FRAME_BYTES);
      const size = sizes.get(name);
      if (size === undefined) this.wrong(wordsFor({ kind: "data", name }), "it is missing");
      else if (size === expected) this.fit.push(name);
      else this.wrong(wordsFor({ kind: "data", name }), `it has ${size} bytes and should have ${expected}`);
    }
    return sizes;
  }

  async trees(index: PackIndex, sizes: ReadonlyMap<string, number>, roots: readonly string[]): Promise<void> {
    const { ctx, place, crew } = this.#work;
    const isThere = (pack: number) => sizes.has(index.packName(pack));
    const marks = new Marks(index, isThere, (file, problem) => this.wrong(file, problem));
    const reader = new BlobReader({ place, index, crew });
    for (const [done, root] of roots.entries()) {
      ctx.progress({ phase: "check", done, total: roots.length });
      await marks.tree(ctx, reader, root);
    }
  }

  async read(index: PackIndex, byPack: ByPack, names: readonly string[]): Promise<void> {
    const { ctx, crew } = this.#work;
    const numbers = new Map(index.packs.map((name, pack) => [name, pack]));
    const tasks = new Tasks();
    for (const [done, name] of names.entries()) {
      ctx.progress({ phase: "verify", done, total: names.length });
      await tasks.below(crew.size + 1);
      const pack = numbers.get(name);
      tasks.add(this.#readPack(name, rowsOf(pack === undefined ? [] : byPack.blobs(pack))));
    }
    await tasks.all();
  }

  async #readPack(name: string, rows: ReturnType<typeof rowsOf>): Promise<void> {
    const { ctx, place, crew } = this.#work;
    try {
      const bytes = await place.load(ctx, { kind: "data", name });
      this.readPacks++;
      this.readBytes += bytes.length;
      const { problems } = await crew.run("checkPack", bytes.length, { name, bytes, rows }, movable(bytes));
      for (const problem of problems) this.wrong(wordsFor({ kind: "data", name }), problem);
    } catch (error) {
      this.failed("data", name, error);
    }
  }
}
