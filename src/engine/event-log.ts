/**
 * The numbered stream of what became true. One bounded ring holds the recent events; a subscriber is only a position
 * in it, so a slow one costs nothing and is told to list again when the ring has overtaken it.
 */
import type { EngineEvent } from "../api/event.ts";
import { type Deferred, deferred } from "../base/async.ts";
import type { EventStream } from "./engine-core.ts";

type WithoutPosition<T> = T extends unknown ? Omit<T, "sequence" | "at"> : never;

/** An event before it has its place in the stream. */
export type NewEvent = WithoutPosition<Exclude<EngineEvent, { type: "resync" }>>;

const DEFAULT_CAPACITY = 1024;

export class EventLog implements EventStream {
  readonly #engine: string;
  readonly #capacity: number;
  readonly #now: () => Date;
  /** The event with sequence `n` is at `n % capacity`. Sequences begin with 1. */
  readonly #ring: EngineEvent[] = [];
  #latest = 0;
  #changed: Deferred<void> | undefined;
  #closed = false;

  constructor(engine: string, options: { capacity?: number; now?: () => Date } = {}) {
    this.#engine = engine;
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.#now = options.now ?? (() => new Date());
  }

  /** Sequence of the newest event; 0 before the first. */
  get latest(): number {
    return this.#latest;
  }

  publish(event: NewEvent): void {
    if (this.#closed) return;
    this.#latest += 1;
    this.#ring[this.#latest % this.#capacity] = {
      ...event,
      sequence: this.#latest,
      at: this.#now().toISOString(),
    };
    this.#wake();
  }

  /** The position is taken now, not at the first read: what is published in between is not lost. */
  subscribe(
    from: { engine?: string | undefined; since?: number | undefined },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent> {
    const { engine, since } = from;
    const continues =
      engine === this.#engine && since !== undefined && since <= this.#latest && since + 1 >= this.#oldest;
    return this.#read(continues ? since + 1 : undefined, this.#latest, signal);
  }

  /** Ends every subscription after what it still has to read. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  get #oldest(): number {
    return Math.max(1, this.#latest - this.#capacity + 1);
  }

  #wake(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  async *#read(
    first: number | undefined,
    latest: number,
    signal: AbortSignal,
  ): AsyncGenerator<EngineEvent, void> {
    let next = first ?? latest + 1;
    let resync = first === undefined;
    while (!signal.aborted) {
      if (next < this.#oldest) {
        next = this.#latest + 1;
        resync = true;
      }
      if (resync) {
        resync = false;
        const at = this.#now().toISOString();
        yield { type: "resync", engine: this.#engine, sequence: next - 1, at };
        continue;
      }
      const event = next <= this.#latest ? this.#ring[next % this.#capacity] : undefined;
      if (event) {
        next += 1;
        yield event;
      } else if (this.#closed) return;
      else await this.#nextChange(signal);
    }
  }

  /** Resolves with the next event or the end of the subscription, whichever is first. */
  async #nextChange(signal: AbortSignal): Promise<void> {
    this.#changed ??= deferred();
    const aborted = deferred<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#changed.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
