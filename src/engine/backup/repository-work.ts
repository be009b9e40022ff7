/** What clients may do with backup repositories. */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import { type BackupRepository, NewRepository, type RepositoryKey } from "../../api/backup.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { RepositoriesApi } from "../backup-core.ts";
import type { Ctx } from "../ctx.ts";
import { nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Log } from "../log.ts";
import type { Operations, Work } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { awaitingAny } from "./awaiting.ts";
import { parsePlace } from "./places/open.ts";
import type { PointBook } from "./point-book.ts";
import type { Repositories, RepositoryRecord } from "./repositories.ts";
import { RepositoryPasswords } from "./repository-passwords.ts";

export type RepositoryWorkParts = {
  repositories: Repositories;
  keeper: Pick<Keeper, "entries">;
  points: PointBook;
  operations: Operations;
  log: Log;
};

const KINDS = ["add-repository", "check-repository", "prune-repository"] as const;
type Kind = (typeof KINDS)[number];

/** What is journaled of them. */
const Input = z.object({
  repository: z.uuid(),
  make: z.boolean().default(false),
  readShare: z.number().default(0),
});
type Input = z.infer<typeof Input>;

/** As many random bits as the key has that it protects. */
const PASSWORD_BYTES = 32;

/** How long a prune waits for backups, of other hosts too: most end by then, and it is tried again another time. */
const PRUNE_WAIT_MS = 30 * 60_000;

export function isRepositoryRow({ kind }: JournalRow): boolean {
  return (KINDS as readonly string[]).includes(kind);
}

function drawPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString("base64url");
}

export class RepositoryWork implements RepositoriesApi {
  readonly #parts: RepositoryWorkParts;
  readonly #passwords: RepositoryPasswords;

  constructor(parts: RepositoryWorkParts) {
    this.#parts = parts;
    this.#passwords = new RepositoryPasswords(parts.repositories);
  }

  list(): BackupRepository[] {
    return this.#parts.repositories.list();
  }

  /** Its password is kept before anything is made: a repository whose password is lost is none. */
  async add(wanted: NewRepository): Promise<Operation> {
    const { repositories, operations } = this.#parts;
    const { name, init, place: typed, password, access: given } = NewRepository.parse(wanted);
    operations.refuseWhileDraining(`add ${name}`);
    repositories.refuseTaken(name);
    const { place, access } = parsePlace(typed, given);
    if (password === undefined && !init)
      throw new EngineError("invalid-argument", `cannot add ${name}: its password is not given`, {
        hint: "The recovery kit has it. A new repository is made by: berth repository init",
      });
    const opening = { password: password ?? drawPassword(), access };
    const { key } = await repositories.note(name, place, opening);
    return this.#begin("add-repository", name, { repository: key, make: init, readShare: 0 });
  }

  async reveal(name: string): Promise<string> {
    const { repositories } = this.#parts;
    return (await repositories.reveal(repositories.find(name, "show the password"))).password;
  }

  changePassword(name: string, password: string | undefined, signal: AbortSignal): Promise<void> {
    const record = this.#parts.repositories.find(name, `change the password of ${name}`);
    return this.#passwords.change(this.#quiet(signal), record, password ?? drawPassword());
  }

  keys(name: string, signal: AbortSignal): Promise<RepositoryKey[]> {
    const record = this.#parts.repositories.find(name, `list the passwords of ${name}`);
    return this.#passwords.list(this.#quiet(signal), record);
  }

  addKey(name: string, password: string, signal: AbortSignal): Promise<void> {
    const record = this.#parts.repositories.find(name, `add a password to ${name}`);
    return this.#passwords.add(this.#quiet(signal), record, password);
  }

  removeKey(name: string, key: string, signal: AbortSignal): Promise<void> {
    const record = this.#parts.repositories.find(name, `remove a password of ${name}`);
    return this.#passwords.remove(this.#quiet(signal), record, key);
  }

  async remove(name: string): Promise<void> {
    const { repositories, points, keeper } = this.#parts;
    const { key } = repositories.find(name, `remove ${name}`);
    const needed = awaitingAny(keeper.entries(), key);
    if (needed)
      throw new EngineError(
        "wrong-state",
        `cannot remove ${name}: ${nameOf(needed)} still awaits data of it`,
        {
          hint: "Wait until all of that is there, or purge the instance.",
        },
      );
    repositories.forget(key);
    points.forgetRepository(key);
  }

  async check(name: string, { readShare }: { readShare: number }): Promise<Operation> {
    const { key } = this.#parts.repositories.find(name, `check ${name}`);
    return this.#begin("check-repository", name, { repository: key, make: false, readShare });
  }

  async prune(name: string): Promise<Operation> {
    const { key } = this.#parts.repositories.find(name, `prune ${name}`);
    return this.#begin("prune-repository", name, { repository: key, make: false, readShare: 0 });
  }

  async unlock(name: string, signal: AbortSignal): Promise<number> {
    const { repositories } = this.#parts;
    const record = repositories.find(name, `unlock ${name}`);
    const ctx = this.#quiet(signal);
    return repositories.useNow(ctx, record, async (repository) => (await repository.breakLocks(ctx)).length);
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow): void {
    const input = Input.safeParse(row.input);
    const error = new EngineError(
      "internal",
      `cannot resume ${row.kind} of ${row.target}: its journal entry cannot be read`,
    );
    const failing: Work = () => Promise.reject(error);
    this.#parts.operations.resume(
      row,
      input.success ? this.#work(row.kind as Kind, row.target, input.data) : failing,
    );
  }

  #quiet(signal: AbortSignal): Ctx {
    return { signal, progress: () => {}, log: this.#parts.log };
  }

  #begin(kind: Kind, target: string, input: Input): Operation {
    return this.#parts.operations.begin({ kind, target, input }, this.#work(kind, target, input));
  }

  #work(kind: Kind, name: string, input: Input): Work {
    return async (ctx) => {
      const record = this.#parts.repositories.byKey(input.repository);
      if (!record) throw new EngineError("not-found", `cannot ${kind}: ${name} is no longer known`);
      ctx.progress({ phase: "open" });
      if (kind === "add-repository") await this.#add(ctx, record, input, () => ctx.abandoned);
      else if (kind === "check-repository") await this.#check(ctx, record, input);
      else await this.#prune(ctx, record);
    };
  }

  async #add(ctx: Ctx, record: RepositoryRecord, { make }: Input, isAbandoned: () => boolean): Promise<void> {
    const { repositories } = this.#parts;
    try {
      const id = await repositories.useNow(ctx, record, async (repository) => repository.id, { make });
      const before = repositories.records().find((one) => one.id === id);
      if (before && before.key !== record.key)
        throw new EngineError(
          "already-exists",
          `cannot add ${record.name}: ${before.name} is the same repository`,
        );
      repositories.found(record.key, id);
    } catch (error) {
      if (!isAbandoned()) repositories.forget(record.key);
      throw error;
    }
  }

  /** Ends with an error where anything is wrong, which names the first, and has all in its details. */
  async #check(ctx: Ctx, record: RepositoryRecord, { readShare }: Input): Promise<void> {
    const read = readShare > 0 ? { read: { share: readShare, seed: new Date().toISOString() } } : {};
    const { problems, snapshots, packs, readBytes } = await this.#parts.repositories.use(
      ctx,
      record,
      (repository) => repository.check(ctx, read),
    );
    const [first] = problems;
    if (first) {
      const more = problems.length > 1 ? ` and ${problems.length - 1} more` : "";
      const reason = `cannot trust the repository ${record.name}: ${first.file}: ${first.problem}${more}`;
      throw new EngineError("driver-failed", reason, {
        hint: "Other backups in it can still be restored. Look for what damages its disk, and make new backups.",
        details: { problems: problems.slice(0, 100) },
      });
    }
    const message = `${snapshots} backups, ${packs} packs, ${formatBytes(readBytes)} read`;
    ctx.progress({ phase: "check", message });
  }

  async #prune(ctx: Ctx, record: RepositoryRecord): Promise<void> {
    const { freedBytes } = await this.#parts.repositories.use(ctx, record, (repository) =>
      repository.prune(ctx, { waitMs: PRUNE_WAIT_MS }),
    );
    ctx.progress({ phase: "prune", message: `${formatBytes(Math.max(0, freedBytes))} freed` });
  }
}
