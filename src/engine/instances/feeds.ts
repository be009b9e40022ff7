/**
 * What running guests tell again and again, pushed to whoever watches. All watchers of a guest share one process in it;
 * it ends with the last of them, and the watching ends with the guest's run.
 */
import { Emitter } from "../../base/event.ts";
import type { GuestAccess, GuestProcess } from "../guest/guest.ts";

/** What is run in the guest, and what its output means. */
export type FeedSource<T> = {
  readonly script: string;
  /** For one run of the script: what each piece of its output tells. */
  reader(): { push(chunk: string): T[] };
};

type Ended = { ended: true; error?: unknown };
type News<T> = { value: T } | Ended;
type Watched<T> = {
  readonly told: Emitter<News<T>>;
  readonly ending: AbortController;
  last: { value: T } | undefined;
};

export class GuestFeeds<T> {
  readonly #feeds = new Map<GuestAccess, Watched<T>>();
  readonly #guestOf: (name: string) => GuestAccess;
  readonly #source: FeedSource<T>;

  /** `guestOf` throws where the instance is unknown or does not run. */
  constructor(guestOf: (name: string) => GuestAccess, source: FeedSource<T>) {
    this.#guestOf = guestOf;
    this.#source = source;
  }

  watch(name: string, signal: AbortSignal): AsyncGenerator<T, void> {
    return this.#watch(this.#guestOf(name), signal);
  }

  /** Ends without an error when the guest's run does, and when the signal aborts. */
  async *#watch(guest: GuestAccess, signal: AbortSignal): AsyncGenerator<T, void> {
    const feed = this.#feeds.get(guest) ?? this.#begin(guest);
    let latest = feed.last;
    let ended: Ended | undefined;
    let wake = () => {};
    const subscription = feed.told.event((news) => {
      if ("ended" in news) ended = news;
      else latest = news; // A watcher that is behind sees the newest only.
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!signal.aborted) {
        if (latest) {
          const one = latest;
          latest = undefined;
          yield one.value;
        } else if (ended) {
          if (ended.error !== undefined) throw ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      subscription.dispose();
      if (feed.told.listenerCount === 0) feed.ending.abort();
    }
  }

  #begin(guest: GuestAccess): Watched<T> {
    const feed: Watched<T> = { told: new Emitter(), ending: new AbortController(), last: undefined };
    this.#feeds.set(guest, feed);
    // A watcher may come while the process of the ones before is just ending: it begins a feed of its own.
    feed.ending.signal.addEventListener("abort", () => this.#forget(guest, feed), { once: true });
    void this.#run(guest, feed)
      .then(
        () => ({ ended: true }) as const,
        (error: unknown) => ({ ended: true, error }) as const,
      )
      .then((end) => {
        this.#forget(guest, feed);
        feed.told.fire(end);
      });
    return feed;
  }

  #forget(guest: GuestAccess, feed: Watched<T>): void {
    if (this.#feeds.get(guest) === feed) this.#feeds.delete(guest);
  }

  async #run(guest: GuestAccess, feed: Watched<T>): Promise<void> {
    const { signal } = feed.ending;
    const argv = ["sh", "-c", this.#source.script];
    let child: GuestProcess | undefined;
    try {
      child = await guest.exec({ signal }, { argv });
      const onAbort = () => child?.close();
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      child.stdin.end();
      child.stderr.resume();
      await this.#read(child, feed);
      await child.exited;
    } catch (error) {
      if (!signal.aborted && !(child && isLost(error))) throw error;
    }
  }

  async #read(child: GuestProcess, feed: Watched<T>): Promise<void> {
    const reader = this.#source.reader();
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      for (const value of reader.push(decoder.decode(chunk, { stream: true }))) {
        feed.last = { value };
        feed.told.fire(feed.last);
      }
    }
  }
}

/** The guest went while it was watched: that is an end, not a failure. */
function isLost(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "guest-unreachable";
}
