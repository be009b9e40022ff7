/**
 * What listens in the guests that run, as the engine tells it; asked only as long as somebody wants to know. No vscode.
 */
import type { Instance } from "../api/instance.ts";
import type { PortListener } from "../api/port.ts";
import { sleep } from "../base/async.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { EngineApi } from "../client/engine-client.ts";
import type { MirrorConnection } from "../client/mirror.ts";
import type { Model } from "./model.ts";
import { newOnes } from "./ports-items.ts";

/** The part of EngineMirror that this needs. */
export type ListenersSource = {
  readonly connection: Pick<MirrorConnection, "state">;
  readonly onDidChangeConnection: Event<MirrorConnection>;
  client(): Promise<{ api: Pick<EngineApi, "ports"> }>;
};

/** What is known of one guest: the list, or why there is none. Neither, while it is asked for the first time. */
export type Heard = { listeners?: readonly PortListener[]; problem?: string };

/** What began to listen while it was watched. */
export type News = { instance: string; listeners: readonly PortListener[] };

const AGAIN_MS = 10_000;

type Watched = Heard & { readonly ending: AbortController; readonly run: string };

export class GuestListeners implements Disposable {
  readonly #source: ListenersSource;
  readonly #model: Pick<Model, "all" | "get" | "onDidChange">;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new Emitter<readonly string[]>());
  readonly #appeared = this.#store.add(new Emitter<News>());
  readonly #watched = new Map<string, Watched>();
  readonly #wants = new Set<string>();

  /** Ids of instances. */
  readonly onDidChange: Event<readonly string[]> = this.#changed.event;
  /** Fires for what comes after the first list of a guest. */
  readonly onDidAppear: Event<News> = this.#appeared.event;

  constructor(source: ListenersSource, model: Pick<Model, "all" | "get" | "onDidChange">) {
    this.#source = source;
    this.#model = model;
    this.#store.add(model.onDidChange(() => this.#update()));
    this.#store.add(source.onDidChangeConnection(() => this.#update()));
    this.#store.defer(() => {
      this.#wants.clear();
      this.#endAll();
    });
  }

  /** Whether this one wants to know; the guests are watched as long as anyone does. */
  want(who: string, wanted: boolean): void {
    if (wanted) this.#wants.add(who);
    else this.#wants.delete(who);
    this.#update();
  }

  of(id: string): Heard {
    return this.#watched.get(id) ?? {};
  }

  dispose(): void {
    this.#store.dispose();
  }

  #update(): void {
    const watching = this.#wants.size > 0 && this.#source.connection.state === "connected";
    const wanted = watching ? this.#model.all().filter(canBeAsked) : [];
    const ids = new Set(wanted.map(({ id }) => id));
    for (const id of this.#watched.keys()) if (!ids.has(id)) this.#end(id);
    for (const instance of wanted) {
      const run = runOf(instance);
      if (this.#watched.get(instance.id)?.run === run) continue;
      this.#end(instance.id);
      this.#begin(instance, run);
    }
  }

  #begin({ id, name }: Instance, run: string): void {
    const watched: Watched = { ending: new AbortController(), run };
    this.#watched.set(id, watched);
    void this.#follow(id, name, watched);
  }

  /** A guest that reboots, or does not answer yet, is asked again as long as somebody wants to know. */
  async #follow(id: string, name: string, watched: Watched): Promise<void> {
    const { signal } = watched.ending;
    while (!signal.aborted) {
      await this.#read(id, name, watched);
      await sleep(AGAIN_MS, signal).catch(() => {});
    }
  }

  async #read(id: string, name: string, watched: Watched): Promise<void> {
    const { signal } = watched.ending;
    try {
      const { api } = await this.#source.client();
      for await (const { items } of await api.ports.watchListeners({ name }, { signal })) {
        if (signal.aborted) return;
        const before = watched.listeners;
        watched.listeners = items;
        delete watched.problem;
        this.#changed.fire([id]);
        const listeners = before ? newOnes(before, items) : [];
        if (listeners.length > 0) this.#appeared.fire({ instance: id, listeners });
      }
    } catch (error) {
      if (signal.aborted) return;
      watched.problem = messageOf(error);
      delete watched.listeners;
      this.#changed.fire([id]);
    }
  }

  #end(id: string): void {
    this.#watched.get(id)?.ending.abort();
    this.#watched.delete(id);
  }

  #endAll(): void {
    for (const id of [...this.#watched.keys()]) this.#end(id);
  }
}

/** A guest without a login of ours tells nothing. */
export function canBeAsked({ state, guest }: Instance): boolean {
  return state === "running" && guest === "linux";
}

/** Begins anew where it was started anew, and at once when it is ready. */
function runOf({ startedAt, ready }: Instance): string {
  return `${startedAt} ${ready}`;
}
