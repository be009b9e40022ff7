/**
 * What running guests use, pushed to whoever watches. All watchers of a guest share one process in it; it ends with the
 * last of them, and the watching ends with the guest's run.
 */
import { METRICS_INTERVAL_MS, type Metrics } from "../../api/metrics.ts";
import { Emitter } from "../../base/event.ts";
import type { GuestAccess, GuestProcess } from "../guest/guest.ts";
import { metricsOf, metricsScript, type Sample, SampleReader } from "../guest/metrics.ts";

type Watched = {
  readonly told: Emitter<Metrics | Ended>;
  readonly ending: AbortController;
  last: Metrics | undefined;
};
type Ended = { ended: true; error?: unknown };

export class MetricsFeeds {
  readonly #feeds = new Map<GuestAccess, Watched>();
  readonly #guestOf: (name: string) => GuestAccess;
  readonly #now: () => Date;

  /** `guestOf` throws where the instance is unknown or does not run. */
  constructor(guestOf: (name: string) => GuestAccess, now: () => Date) {
    this.#guestOf = guestOf;
    this.#now = now;
  }

  watch(name: string, signal: AbortSignal): AsyncGenerator<Metrics, void> {
    return this.#watch(this.#guestOf(name), signal);
  }

  /** Ends without an error when the guest's run does, and when the signal aborts. */
  async *#watch(guest: GuestAccess, signal: AbortSignal): AsyncGenerator<Metrics, void> {
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
          yield one;
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

  #begin(guest: GuestAccess): Watched {
    const feed: Watched = { told: new Emitter(), ending: new AbortController(), last: undefined };
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

  #forget(guest: GuestAccess, feed: Watched): void {
    if (this.#feeds.get(guest) === feed) this.#feeds.delete(guest);
  }

  async #run(guest: GuestAccess, feed: Watched): Promise<void> {
    const { signal } = feed.ending;
    const argv = ["sh", "-c", metricsScript(METRICS_INTERVAL_MS)];
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

  async #read(child: GuestProcess, feed: Watched): Promise<void> {
    const reader = new SampleReader();
    const decoder = new TextDecoder();
    let before: Sample | undefined;
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      for (const sample of reader.push(decoder.decode(chunk, { stream: true }))) {
        feed.last = metricsOf(sample, before, this.#now());
        before = sample;
        feed.told.fire(feed.last);
      }
    }
  }
}

/** The guest went while it was watched: that is an end, not a failure. */
function isLost(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "guest-unreachable";
}
