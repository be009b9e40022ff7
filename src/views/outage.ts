import { type Disposable, DisposableStore, toDisposable } from "../base/disposable.ts";
import type { EngineError } from "../base/errors.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { MirrorConnection } from "../client/mirror.ts";

/** How long the engine may be away before a user who sees instances is told: an upgrade or a crash heals faster. */
const GRACE_MS = 2_000;

export type OutageSource = {
  readonly instances: ReadonlyMap<string, unknown>;
  readonly connection: MirrorConnection;
  readonly onDidChangeConnection: Event<MirrorConnection>;
};

/** Why the engine cannot be reached, from when the user should know until it is connected again. */
export class Outage implements Disposable {
  readonly #source: OutageSource;
  readonly #changed = new Emitter<void>();
  readonly #store = new DisposableStore();
  #error: EngineError | undefined;
  #grace: Disposable | undefined;
  readonly onDidChange: Event<void> = this.#changed.event;

  constructor(source: OutageSource) {
    this.#source = source;
    this.#store.add(source.onDidChangeConnection((connection) => this.#follow(connection)));
    this.#store.defer(() => this.#grace?.dispose());
    this.#store.add(this.#changed);
    this.#follow(source.connection);
  }

  get error(): EngineError | undefined {
    return this.#error;
  }

  dispose(): void {
    this.#store.dispose();
  }

  /** An attempt to come back is no end of the outage; only success is. */
  #follow(connection: MirrorConnection): void {
    if (connection.state === "connected") {
      this.#grace?.dispose();
      this.#grace = undefined;
      this.#set(undefined);
    } else if (connection.state === "unavailable") {
      if (this.#error || this.#source.instances.size === 0) this.#set(connection.error);
      else this.#grace ??= this.#tellLater();
    }
  }

  #tellLater(): Disposable {
    const timer = setTimeout(() => {
      this.#grace = undefined;
      const { connection } = this.#source;
      if (connection.state === "unavailable") this.#set(connection.error);
      else this.#grace = this.#tellLater();
    }, GRACE_MS);
    return toDisposable(() => clearTimeout(timer));
  }

  #set(error: EngineError | undefined): void {
    if (error === this.#error) return;
    this.#error = error;
    this.#changed.fire();
  }
}
