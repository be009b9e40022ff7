/** The containers that others have made, as the engine tells of them; it is asked only as long as they are shown. No vscode. */
import type { ForeignContainer } from "../api/foreign-container.ts";
import { sleep } from "../base/async.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { EngineApi } from "../client/engine-client.ts";
import type { MirrorConnection } from "../client/mirror.ts";

/** The part of EngineMirror that this needs. */
export type ForeignSource = {
  readonly connection: Pick<MirrorConnection, "state">;
  readonly onDidChangeConnection: Event<MirrorConnection>;
  client(): Promise<{ api: { foreignContainers: Pick<EngineApi["foreignContainers"], "watch"> } }>;
};

/** A runtime that has ended is looked for again. */
const AGAIN_MS = 10_000;

export class ForeignWatch implements Disposable {
  readonly #source: ForeignSource;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new Emitter<void>());
  #wanted = false;
  #watching: AbortController | undefined;
  #containers: readonly ForeignContainer[] = [];
  #problem: string | undefined;

  readonly onDidChange: Event<void> = this.#changed.event;

  constructor(source: ForeignSource) {
    this.#source = source;
    this.#store.add(source.onDidChangeConnection(() => this.#update()));
    this.#store.defer(() => this.want(false));
  }

  /** As they were when they were last told of. */
  get containers(): readonly ForeignContainer[] {
    return this.#containers;
  }

  /** Why none are told of. */
  get problem(): string | undefined {
    return this.#problem;
  }

  want(wanted: boolean): void {
    this.#wanted = wanted;
    this.#update();
  }

  dispose(): void {
    this.#store.dispose();
  }

  #update(): void {
    const watching = this.#wanted && this.#source.connection.state === "connected";
    if (watching === (this.#watching !== undefined)) return;
    this.#watching?.abort();
    this.#watching = watching ? new AbortController() : undefined;
    if (this.#watching) void this.#follow(this.#watching.signal);
  }

  /** Never rejects. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#read(signal);
      await sleep(AGAIN_MS, signal).catch(() => {});
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    try {
      const { api } = await this.#source.client();
      for await (const { items } of await api.foreignContainers.watch({}, { signal })) {
        if (signal.aborted) return;
        this.#tell(items, undefined);
      }
    } catch (error) {
      if (!signal.aborted) this.#tell([], messageOf(error));
    }
  }

  #tell(containers: readonly ForeignContainer[], problem: string | undefined): void {
    this.#containers = containers;
    this.#problem = problem;
    this.#changed.fire();
  }
}
