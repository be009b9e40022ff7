/** What clients may do with backups. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import * as z from "zod";
import type { Backup } from "../../api/backup.ts";
import type { Problem } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { BackupsApi, OneBackup, RestoreHow } from "../backup-core.ts";
import type { Ctx } from "../ctx.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Resumable } from "../instances/lanes.ts";
import { mayRun } from "../instances/permits.ts";
import type { Work } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { awaiting } from "./awaiting.ts";
import { BackupInput } from "./backup-input.ts";
import { type BackupParts, backUp, refuseWithout } from "./backup-work.ts";
import { FileHelpers, type FileHelpersParts } from "./files/file-helpers.ts";
import { openStored } from "./files/open-stored.ts";
import { snapshotOf } from "./find-backup.ts";
import type { RepositoryRecord } from "./repositories.ts";
import type { Repository } from "./repository/repository.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { Restores } from "./restores.ts";
import { backupOf, withProtection } from "./tags.ts";
import { verifyBackup } from "./verify.ts";

export type BackupsParts = BackupParts & FileHelpersParts;

const KINDS: readonly string[] = [
  "backup",
  "restore-backup",
  "verify-backup",
  "drill-backup",
  "browse-backup",
];

export function isBackupRow({ kind }: JournalRow): boolean {
  return KINDS.includes(kind);
}

/** What is journaled of a verification. */
const VerifyInput = z.object({ repository: z.uuid(), backup: z.string() });

export class Backups implements BackupsApi {
  readonly #parts: BackupsParts;
  readonly #restores: Restores;
  readonly #files: FileHelpers;

  constructor(parts: BackupsParts) {
    this.#parts = parts;
    this.#restores = new Restores(parts);
    this.#files = new FileHelpers(parts);
  }

  /** One repository that cannot be read hides no other. */
  async list(
    { repository, instance }: { repository?: string | undefined; instance?: string | undefined },
    signal: AbortSignal,
  ): Promise<{ items: Backup[]; problems: Problem[] }> {
    const { repositories } = this.#parts;
    const doing = "list the backups";
    const records =
      repository === undefined ? repositories.records() : [repositories.find(repository, doing)];
    const items: Backup[] = [];
    const problems: Problem[] = [];
    const found = await Promise.allSettled(records.map((record) => this.#in(record, this.#quiet(signal))));
    for (const each of found) {
      if (each.status === "fulfilled") {
        items.push(...each.value.items);
        problems.push(...each.value.problems);
      } else if (repository !== undefined) throw each.reason;
      else problems.push(problemOf("repository-unreadable", each.reason));
    }
    signal.throwIfAborted();
    const wanted = items.filter((one) => isOf(one, instance));
    return { items: wanted.sort((a, b) => a.at.localeCompare(b.at)), problems };
  }

  async #in(record: RepositoryRecord, ctx: Ctx): Promise<{ items: Backup[]; problems: Problem[] }> {
    return this.#parts.repositories.useNow(ctx, record, async (repository) => {
      const { snapshots, unreadable } = await repository.snapshots(ctx);
      return {
        items: snapshots.flatMap((one) => backupOf(one, record.name) ?? []),
        problems: unreadable.map(({ error }) => problemOf("backup-unreadable", error)),
      };
    });
  }

  async create(
    name: string,
    wanted: { repository?: string | undefined; full: boolean; isProtected: boolean },
  ): Promise<Operation> {
    const { keeper, repositories, operations } = this.#parts;
    const entry = keeper.find(name, "back up");
    const { key } = repositories.find(wanted.repository, `back up ${name}`);
    mayRun(keeper, entry, "backup", name);
    refuseWithout(keeper, entry);
    const { full, isProtected } = wanted;
    const { id } = entry.record.descriptor;
    const input: BackupInput = {
      ...{ id, action: "backup", repository: key, full, isProtected },
      point: `bk-${randomUUID()}`,
    };
    const { work, onAccepted } = this.#backing(entry, input);
    return operations.begin({ kind: "backup", target: name, input }, work, onAccepted);
  }

  #backing(entry: Entry, input: BackupInput): Resumable {
    const { lanes } = this.#parts.manager;
    return lanes.backingUp(entry, (ctx, moment) => backUp(this.#parts, entry, ctx, input, moment));
  }

  files(one: OneBackup, signal: AbortSignal): Promise<Duplex> {
    return openStored(this.#parts, one, signal);
  }

  restore(
    one: OneBackup,
    as: string | undefined,
    signal: AbortSignal,
    { env = {}, live = false }: Partial<RestoreHow> = {},
  ): Promise<Operation> {
    return this.#restores.restore(one, as, signal, { env, live });
  }

  revert(one: OneBackup, disk: string | undefined, signal: AbortSignal): Promise<Operation> {
    return this.#restores.revert(one, disk, signal);
  }

  browse(one: OneBackup, signal: AbortSignal): Promise<Operation> {
    return this.#files.open(one, signal);
  }

  /** What showed files of backups has lost them with the engine before. */
  removeLeft(): Promise<void> {
    return this.#files.removeLeft();
  }

  /** Guests that run on disks that are not whole are given what they lack. */
  goOnArriving(): void {
    this.#restores.arrivals.goOn();
  }

  /** Before the instances are let go of. */
  close(): Promise<void> {
    return this.#files.close();
  }

  drill(one: OneBackup, signal: AbortSignal): Promise<Operation> {
    return this.#restores.drill(one, signal);
  }

  async update(
    one: OneBackup,
    { isProtected }: { isProtected: boolean },
    signal: AbortSignal,
  ): Promise<Backup> {
    const doing = isProtected ? "protect the backup" : "take the protection from the backup";
    return this.#withOne(one, doing, signal, async (ctx, repository, snapshot, name) => {
      const tags = withProtection(snapshot.tags, isProtected);
      const changed = backupOf(await repository.retag(ctx, snapshot.id, tags), name);
      this.#parts.repositories.changed();
      if (changed) return changed;
      throw new EngineError("internal", `cannot ${doing}: it is no backup any more`);
    });
  }

  /** What is protected stays. */
  async remove(one: OneBackup, signal: AbortSignal): Promise<void> {
    const doing = "delete the backup";
    await this.#withOne(one, doing, signal, async (ctx, repository, snapshot, name) => {
      if (backupOf(snapshot, name)?.isProtected)
        throw new EngineError("wrong-state", `cannot ${doing}: ${snapshot.id.slice(0, 8)} is protected`, {
          hint: `Take its protection first: berth backup protect --off ${snapshot.id.slice(0, 8)}`,
        });
      const needed = awaiting(this.#parts.keeper.entries(), snapshot);
      if (needed)
        throw new EngineError("wrong-state", `cannot ${doing}: ${nameOf(needed)} still awaits data of it`, {
          hint: "Wait until all of that is there, or purge the instance.",
        });
      await repository.forget(ctx, [snapshot.id]);
      this.#parts.repositories.changed();
    });
  }

  async verify({ repository, backup }: OneBackup): Promise<Operation> {
    const { repositories, operations } = this.#parts;
    const record = repositories.find(repository, "verify the backup");
    const target = `${record.name}.${backup.slice(0, 8)}`;
    const input = { repository: record.key, backup };
    return operations.begin({ kind: "verify-backup", target, input }, this.#verifying(record, backup));
  }

  #verifying(record: RepositoryRecord, backup: string): Work {
    return (ctx) =>
      this.#parts.repositories.use(ctx, record, async (repository) => {
        const snapshot = await snapshotOf(ctx, repository, backup, "verify the backup");
        await using reader = await repository.read(ctx);
        await verifyBackup(ctx, reader, snapshot);
      });
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow): void {
    const { work, onAccepted } = this.#resumed(row) ?? {
      work: () => Promise.reject(new EngineError("internal", `cannot resume ${row.kind} of ${row.target}`)),
    };
    this.#parts.operations.resume(row, work, onAccepted);
  }

  /** Undefined where the journal, or the instance, no longer tells enough. */
  #resumed(row: JournalRow): { work: Work; onAccepted?: Resumable["onAccepted"] } | undefined {
    const { keeper, repositories } = this.#parts;
    const backup = BackupInput.safeParse(row.input);
    if (backup.success) {
      const entry = keeper.byId(backup.data.id);
      return entry && !entry.broken ? this.#backing(entry, backup.data) : undefined;
    }
    const restoring = this.#restores.resumed(row) ?? this.#files.resumed(row);
    if (restoring) return restoring;
    const verify = VerifyInput.safeParse(row.input);
    const record = verify.success ? repositories.byKey(verify.data.repository) : undefined;
    return verify.success && record ? { work: this.#verifying(record, verify.data.backup) } : undefined;
  }

  async #withOne<T>(
    { repository, backup }: OneBackup,
    doing: string,
    signal: AbortSignal,
    work: (ctx: Ctx, repository: Repository, snapshot: Snapshot, name: string) => Promise<T>,
  ): Promise<T> {
    const { repositories } = this.#parts;
    const record = repositories.find(repository, doing);
    const ctx = this.#quiet(signal);
    return repositories.useNow(ctx, record, async (opened) =>
      work(ctx, opened, await snapshotOf(ctx, opened, backup, doing), record.name),
    );
  }

  #quiet(signal: AbortSignal): Ctx {
    return { signal, progress: () => {}, log: this.#parts.log };
  }
}

function problemOf(code: string, error: unknown): Problem {
  const { message, hint } = toEngineError(error);
  return { code, severity: "warning", message, ...(hint === undefined ? {} : { hint }) };
}

function isOf({ instance }: Backup, wanted: string | undefined): boolean {
  return wanted === undefined || instance.id === wanted || instance.name === wanted;
}
