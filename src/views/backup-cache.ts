/**
 * The repositories, what lies in them and what is planned, for whoever shows it. Each is asked for once, and again when
 * something may have changed it; a repository that answers late, or not at all, keeps no other waiting.
 */
import type { BackupPlan, BackupRepository } from "../api/backup.ts";
import { withDeadline } from "../base/async.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { toEngineError } from "../base/errors.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { EngineApi } from "../client/engine-client.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Contents } from "./backup-items.ts";

/** A place on a server may take long; the engine gives up sooner. */
const WITHIN_MS = 90_000;

export type Repositories = { repositories: readonly BackupRepository[]; plans: readonly BackupPlan[] };

export class BackupCache implements Disposable {
  readonly #mirror: EngineMirror;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new Emitter<string | undefined>());
  #listed: Promise<Repositories> | undefined;
  /** Another one whenever all is asked for anew, so that a late answer is not taken for a new one. */
  #asked = new Map<string, Promise<Contents>>();
  /** What was read last stays until the new is there: a row that is waited for is none that can be clicked. */
  readonly #read = new Map<string, Contents>();
  /** Name of a repository that was read; undefined when all has to be asked for anew. */
  readonly onDidChange: Event<string | undefined> = this.#changed.event;

  constructor(mirror: EngineMirror) {
    this.#mirror = mirror;
    this.#store.add(mirror.onDidChangeBackups(() => this.refresh()));
    this.#store.add(mirror.onDidChangeConnection(({ state }) => state !== "connecting" && this.refresh()));
  }

  refresh(): void {
    this.#listed = undefined;
    this.#asked = new Map();
    this.#changed.fire(undefined);
  }

  /** Rejects where the engine does not answer; the next call asks again. */
  list(): Promise<Repositories> {
    if (this.#listed) return this.#listed;
    const listed = this.#ask(async (api, options) => {
      const [repositories, plans] = await Promise.all([
        api.repositories.list(undefined, options),
        api.backups.plans(undefined, options),
      ]);
      return { repositories: repositories.items, plans: plans.items };
    });
    this.#listed = listed;
    listed.catch(() => {
      if (this.#listed === listed) this.#listed = undefined;
    });
    return listed;
  }

  /** What lay in a repository when it was read last. */
  known(repository: string): Contents | undefined {
    return this.#read.get(repository);
  }

  /** Never rejects: what keeps it from being read is a problem of it. */
  contents(repository: string): Promise<Contents> {
    const all = this.#asked;
    const known = all.get(repository);
    if (known) return known;
    const asked = this.#ask((api, options) => api.backups.list({ repository }, options)).catch(unreadable);
    all.set(repository, asked);
    void asked.then((read) => {
      if (all !== this.#asked) return;
      this.#read.set(repository, read);
      this.#changed.fire(repository);
    });
    return asked;
  }

  /** The backups of an instance, wherever they lie, and what keeps others from being known. */
  async of(instance: string): Promise<Contents> {
    const { repositories } = await this.list();
    const all = await Promise.all(repositories.map(({ name }) => this.contents(name)));
    return {
      items: all.flatMap(({ items }) => items.filter((one) => one.instance.id === instance)),
      problems: all.flatMap(({ problems }) => problems),
    };
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #ask<T>(request: (api: EngineApi, options: { signal: AbortSignal }) => Promise<T>): Promise<T> {
    const deadline = withDeadline(WITHIN_MS);
    try {
      const { api } = await this.#mirror.client();
      return await request(api, { signal: deadline.signal });
    } finally {
      deadline.done();
    }
  }
}

function unreadable(error: unknown): Contents {
  const { code, message, hint } = toEngineError(error);
  return {
    items: [],
    problems: [{ code, severity: "warning", message, ...(hint === undefined ? {} : { hint }) }],
  };
}
