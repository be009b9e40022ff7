/**
 * Which instances are backed up by themselves: what was asked for, when it was done last, and what went wrong. The only
 * writer of it.
 */
import * as z from "zod";
import { type BackupPlan, type NewBackupPlan, Retention, Schedule } from "../../api/backup.ts";
import { Emitter } from "../../base/event.ts";
import type { BackupPlansApi } from "../backup-core.ts";
import { nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Store } from "../store/store.ts";
import type { Repositories } from "./repositories.ts";
import { isDue, nextDue } from "./schedule.ts";

const KEY = "internal.backup-plans";

const PlanRecord = z.object({
  /** Of the instance. */
  id: z.uuid(),
  repository: z.uuid(),
  schedule: Schedule,
  retention: Retention.optional(),
  /** When the last one began that came to a good end. */
  lastAt: z.iso.datetime().optional(),
  /** When the last attempt after it began, which failed, and why. */
  failed: z.object({ at: z.iso.datetime(), reason: z.string() }).optional(),
});
export type PlanRecord = z.infer<typeof PlanRecord>;

/** How long after one that failed the next attempt is made. */
export const RETRY_MS = 10 * 60_000;

/** When the next attempt is to begin; not after `now` where that is at once. Pure. */
export function nextAttempt({ schedule, lastAt, failed }: PlanRecord, now: Date): Date {
  if (!isDue(schedule, now, lastAt === undefined ? undefined : new Date(lastAt)))
    return nextDue(schedule, now);
  const triedMs = failed ? Date.parse(failed.at) : Number.NEGATIVE_INFINITY;
  // One that was tried in the future tells of a clock that was set back.
  return triedMs > now.getTime() || triedMs + RETRY_MS <= now.getTime() ? now : new Date(triedMs + RETRY_MS);
}

export type PlansParts = {
  store: Pick<Store, "readSetting" | "writeSettings">;
  keeper: Keeper;
  repositories: Repositories;
  now: () => Date;
};

export class Plans implements BackupPlansApi {
  readonly #parts: PlansParts;
  readonly #changed = new Emitter<void>();
  #records: readonly PlanRecord[];

  /** Fires when there may be others. */
  readonly onDidChange = this.#changed.event;

  constructor(parts: PlansParts) {
    this.#parts = parts;
    this.#records = z.array(PlanRecord).safeParse(parts.store.readSetting(KEY) ?? []).data ?? [];
  }

  /** Of instances that are there, in repositories that are known; not of what is in the trash. */
  records(): PlanRecord[] {
    const { keeper, repositories } = this.#parts;
    return this.#records.filter(({ id, repository }) => {
      const state = keeper.byId(id)?.record.state;
      return state !== undefined && state !== "deleted" && repositories.byKey(repository) !== undefined;
    });
  }

  get any(): boolean {
    return this.records().length > 0;
  }

  list(): BackupPlan[] {
    return this.records().map((record) => this.#shown(record));
  }

  set(instance: string, { repository, schedule, retention }: NewBackupPlan): BackupPlan {
    const { keeper, repositories } = this.#parts;
    const { id } = keeper.find(instance, "plan backups of").record.descriptor;
    const { key } = repositories.find(repository, `plan backups of ${instance}`);
    const before = this.#records.find((one) => one.id === id && one.repository === key);
    const { lastAt } = before ?? {};
    const record: PlanRecord = {
      ...{ id, repository: key, schedule },
      ...(retention ? { retention } : {}),
      ...(lastAt === undefined ? {} : { lastAt }),
    };
    this.#write([...this.#records.filter((one) => one.id !== id), record]);
    return this.#shown(record);
  }

  remove(instance: string): void {
    const { id } = this.#parts.keeper.find(instance, "plan backups of").record.descriptor;
    this.#write(this.#records.filter((one) => one.id !== id));
  }

  succeeded(id: string, lastAt: string): void {
    this.#note(id, ({ failed: _failed, ...record }) => ({ ...record, lastAt }));
  }

  failed(id: string, failed: { at: string; reason: string }): void {
    this.#note(id, (record) => ({ ...record, failed }));
  }

  #note(id: string, change: (record: PlanRecord) => PlanRecord): void {
    this.#write(this.#records.map((one) => (one.id === id ? change(one) : one)));
  }

  #write(records: readonly PlanRecord[]): void {
    // Those of instances that are gone for good go, too.
    const kept = records.filter(({ id }) => this.#parts.keeper.byId(id) !== undefined);
    this.#parts.store.writeSettings({ [KEY]: kept });
    this.#records = kept;
    this.#parts.repositories.changed();
    this.#changed.fire();
  }

  #shown(record: PlanRecord): BackupPlan {
    const { keeper, repositories, now } = this.#parts;
    const { id, repository, schedule, retention, lastAt, failed } = record;
    const entry = keeper.byId(id);
    return {
      ...{ instance: entry ? nameOf(entry) : id, schedule },
      repository: repositories.byKey(repository)?.name ?? repository,
      nextAt: nextAttempt(record, now()).toISOString(),
      ...(retention ? { retention } : {}),
      ...(lastAt === undefined ? {} : { lastAt }),
      ...(failed ? { problem: failed.reason } : {}),
    };
  }
}
