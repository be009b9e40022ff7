/**
 * Makes the backups that are planned, each when it is due, one after the other; what was missed while nobody was there is
 * made up for once. Forgets afterwards what the plan does not keep, and looks after the repositories. One timer, for the next
 * that is due.
 */
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Log } from "../log.ts";
import type { Operations } from "../operations.ts";
import { awaiting } from "./awaiting.ts";
import type { Backups } from "./backups.ts";
import { nextAttempt, type PlanRecord, type Plans } from "./plans.ts";
import type { Repositories, RepositoryRecord } from "./repositories.ts";
import type { RepositoryWork } from "./repository-work.ts";
import { toForget } from "./retention.ts";
import { factsOf } from "./tags.ts";
import { DAILY_SHARE, type Upkeep } from "./upkeep.ts";

/** A host that was asleep is looked at so soon after: timers do not run meanwhile. */
const LONGEST_WAIT_MS = 5 * 60_000;

export type SchedulerParts = {
  plans: Plans;
  backups: Backups;
  repositories: Repositories;
  repositoryWork: RepositoryWork;
  upkeep: Upkeep;
  keeper: Keeper;
  operations: Operations;
  log: Log;
  now: () => Date;
};

export class Scheduler implements Disposable {
  readonly #parts: SchedulerParts;
  readonly #ending = new AbortController();
  readonly #listening: { dispose(): void };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#listening = parts.plans.onDidChange(() => this.#wait());
    this.#wait();
  }

  /** Resolves when nothing of it is under way any more. */
  async close(): Promise<void> {
    this[Symbol.dispose]();
    await this.#running;
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    this.#listening.dispose();
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#running || this.#ending.signal.aborted) return;
    clearTimeout(this.#timer);
    const { plans, now } = this.#parts;
    const at = now();
    const times = plans.records().map((record) => nextAttempt(record, at).getTime());
    if (times.length === 0) return;
    const waitMs = Math.min(Math.max(0, Math.min(...times) - at.getTime()), LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => {
      this.#running = this.#makeDue().finally(() => {
        this.#running = undefined;
        this.#wait();
      });
    }, waitMs);
    this.#timer.unref();
  }

  async #makeDue(): Promise<void> {
    const { plans, now } = this.#parts;
    for (const record of plans.records()) {
      if (this.#ending.signal.aborted) return;
      if (nextAttempt(record, now()).getTime() <= now().getTime()) await this.#make(record);
    }
    for (const key of new Set(plans.records().map(({ repository }) => repository))) {
      if (this.#ending.signal.aborted) return;
      await this.#lookAfter(key);
    }
  }

  /** One job at a time; the next has its turn when the timer comes again. */
  async #lookAfter(key: string): Promise<void> {
    const { upkeep, repositories, repositoryWork, now, log } = this.#parts;
    const name = repositories.byKey(key)?.name;
    const job = upkeep.due(key, now());
    if (name === undefined || job === undefined) return;
    try {
      const readShare = job === "whole" ? 1 : DAILY_SHARE;
      const begun = job === "prune" ? repositoryWork.prune(name) : repositoryWork.check(name, { readShare });
      await this.#succeeded((await begun).id);
      upkeep.succeeded(key, job, now());
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      log.warn("a repository could not be looked after", { repository: name, job, error });
      upkeep.failed(key, now());
    }
  }

  async #succeeded(id: string): Promise<void> {
    const { status, error } = await this.#parts.operations.wait(id, this.#ending.signal);
    if (error) throw EngineError.fromBody(error);
    if (status !== "succeeded") throw new EngineError("cancelled", "it was cancelled");
  }

  /** Whatever goes wrong with one keeps no other from being made. */
  async #make(record: PlanRecord): Promise<void> {
    const { plans, keeper, repositories, log, now } = this.#parts;
    const entry = keeper.byId(record.id);
    const repository = repositories.byKey(record.repository);
    if (!entry || !repository) return;
    const at = now().toISOString();
    try {
      await this.#backUp(entry, repository);
    } catch (error) {
      if (this.#ending.signal.aborted) return; // The next engine goes on with it.
      log.warn("a planned backup could not be made", { instance: nameOf(entry), error });
      return plans.failed(record.id, { at, reason: messageOf(error) });
    }
    plans.succeeded(record.id, at);
    await this.#forget(record, repository).catch((error: unknown) => {
      log.warn("old backups could not be forgotten", { instance: nameOf(entry), error });
    });
  }

  async #backUp(entry: Entry, { name: repository }: RepositoryRecord): Promise<void> {
    const how = { repository, full: false, isProtected: false };
    const { id } = await this.#parts.backups.create(nameOf(entry), how);
    await this.#succeeded(id);
  }

  async #forget({ id, retention }: PlanRecord, record: RepositoryRecord): Promise<void> {
    if (!retention) return;
    const { signal } = this.#ending;
    const ctx: Ctx = { signal, progress: () => {}, log: this.#parts.log };
    const { repositories, keeper } = this.#parts;
    await repositories.use(ctx, record, async (repository) => {
      const { snapshots } = await repository.snapshots(ctx);
      const own = snapshots.flatMap((snapshot) => {
        const facts = factsOf(snapshot);
        const isNeeded = awaiting(keeper.entries(), snapshot) !== undefined;
        const isProtected = isNeeded || (facts?.isProtected ?? false);
        return facts?.id === id ? [{ id: snapshot.id, at: new Date(snapshot.timeMs), isProtected }] : [];
      });
      const gone = toForget(own, retention);
      if (gone.length === 0) return;
      await repository.forget(ctx, gone);
      repositories.changed();
    });
  }
}
