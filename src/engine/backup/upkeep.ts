/**
 * What is done to repositories by itself, where backups are planned: a share of their data is read every day and all of it
 * every month, and what no backup needs is removed every week. The only writer of when that was.
 */
import * as z from "zod";
import type { Store } from "../store/store.ts";

const KEY = "internal.repository-upkeep";

const Done = z.object({
  /** From when on it is counted: a new repository has nothing to look after. */
  since: z.iso.datetime(),
  share: z.iso.datetime().optional(),
  whole: z.iso.datetime().optional(),
  prune: z.iso.datetime().optional(),
  /** When the last attempt failed. */
  failed: z.iso.datetime().optional(),
});
export type Done = z.infer<typeof Done>;

/** The most urgent first. */
export const JOBS = ["prune", "whole", "share"] as const;
export type Job = (typeof JOBS)[number];

const DAY_MS = 24 * 3_600_000;
const EVERY_MS: Record<Job, number> = { prune: 7 * DAY_MS, whole: 30 * DAY_MS, share: DAY_MS };
const RETRY_MS = 3_600_000;

/** How much of a repository's data is read each day. */
export const DAILY_SHARE = 0.05;

/** What is to be done now. A time that is yet to come tells of a clock that was set back, and counts for nothing. Pure. */
export function dueJob(done: Done, now: Date): Job | undefined {
  const ageMs = (at: string | undefined) => {
    const age = now.getTime() - Date.parse(at ?? done.since);
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  };
  if (done.failed !== undefined && ageMs(done.failed) < RETRY_MS) return undefined;
  return JOBS.find((job) => ageMs(done[job]) >= EVERY_MS[job]);
}

export class Upkeep {
  readonly #store: Pick<Store, "readSetting" | "writeSettings">;
  #done: Readonly<Record<string, Done>>;

  constructor(store: Pick<Store, "readSetting" | "writeSettings">) {
    this.#store = store;
    this.#done = z.record(z.string(), Done).safeParse(store.readSetting(KEY) ?? {}).data ?? {};
  }

  /** From the first question on, a repository is looked after. */
  due(repository: string, now: Date): Job | undefined {
    const done = this.#done[repository];
    if (done) return dueJob(done, now);
    this.#write(repository, { since: now.toISOString() });
    return undefined;
  }

  succeeded(repository: string, job: Job, now: Date): void {
    const { failed: _failed, ...done } = this.#done[repository] ?? { since: now.toISOString() };
    const at = now.toISOString();
    // All of it is a share of it, too.
    this.#write(repository, { ...done, [job]: at, ...(job === "whole" ? { share: at } : {}) });
  }

  failed(repository: string, now: Date): void {
    const at = now.toISOString();
    this.#write(repository, { ...(this.#done[repository] ?? { since: at }), failed: at });
  }

  #write(repository: string, done: Done): void {
    const next = { ...this.#done, [repository]: done };
    this.#store.writeSettings({ [KEY]: next });
    this.#done = next;
  }
}
