/**
 * What happens to the containers of one runtime, told to all who listen by one stream of its events. It is open while
 * somebody listens. Where the runtime goes, it is asked again, at once for who begins to listen, else ever less often.
 */
import { sleep } from "../../../base/async.ts";
import { type Disposable, toDisposable } from "../../../base/disposable.ts";
import { EngineError } from "../../../base/errors.ts";
import { Emitter } from "../../../base/event.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { INSTANCE_LABEL, nameOf } from "./create-body.ts";
import { objectsIn } from "./json-lines.ts";

/** Something happened to a container, as its runtime calls that: start, die, health_status: healthy, … */
export type ContainerEvent = { id: string; action: string; attributes: Readonly<Record<string, string>> };

/**
 * `open`: from now on nothing is missed, and what has been is to be looked at. `lost`: the runtime has ended, or cannot be
 * reached. `silent`: it tells no events any more, and may run all the same.
 */
export type RuntimeNews = ContainerEvent | "open" | "lost" | "silent";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

type Told = {
  status?: string;
  Action?: string;
  id?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> | null };
};

export class RuntimeWatch {
  readonly #api: RuntimeApi;
  readonly #news = new Emitter<RuntimeNews>();
  #open = false;
  #ending: AbortController | undefined;
  #hurry = new AbortController();

  constructor(api: RuntimeApi) {
    this.#api = api;
  }

  /** The listener is told `open` in any case, now or when it is. */
  listen(listener: (news: RuntimeNews) => void): Disposable {
    const subscription = this.#news.event(listener);
    if (this.#open) listener("open");
    else this.#hurry.abort();
    this.#ending ??= this.#begin();
    return toDisposable(() => {
      subscription.dispose();
      if (this.#news.listenerCount > 0) return;
      this.#ending?.abort();
      this.#ending = undefined;
      this.#open = false;
    });
  }

  #begin(): AbortController {
    const ending = new AbortController();
    void this.#watch(ending.signal).catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    });
    return ending;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      this.#hurry = new AbortController();
      const { end, wasOpen } = await this.#listen(signal);
      signal.throwIfAborted();
      this.#open = false;
      if (wasOpen) pause = FIRST_PAUSE_MS;
      this.#news.fire(end);
      await sleep(pause, AbortSignal.any([signal, this.#hurry.signal])).catch(() => {});
      signal.throwIfAborted();
    }
  }

  /** Resolves when the stream has ended. A runtime that refuses it runs, and one that ends it by itself may. */
  async #listen(signal: AbortSignal): Promise<{ end: "lost" | "silent"; wasOpen: boolean }> {
    let wasOpen = false;
    try {
      const query = { filters: JSON.stringify({ type: ["container"] }) };
      const answer = await this.#api.stream({ signal }, "GET", "/events", {
        doing: "watch containers",
        query,
      });
      try {
        wasOpen = true;
        this.#open = true;
        this.#news.fire("open");
        for await (const { status, Action, id, Actor } of objectsIn<Told>(answer))
          this.#news.fire({
            id: Actor?.ID ?? id ?? "",
            action: status ?? Action ?? "",
            attributes: Actor?.Attributes ?? {},
          });
      } finally {
        answer.destroy();
      }
      return { end: "silent", wasOpen };
    } catch (error) {
      const refused = error instanceof EngineError && error.details?.["status"] !== undefined;
      return { end: refused ? "silent" : "lost", wasOpen };
    }
  }
}

/** Whether a list of all containers may be another from now on. Pure. */
export function changesList(news: RuntimeNews): boolean {
  if (typeof news === "string") return true;
  return /^(create|start|restart|die|died|stop|destroy|remove|rename|pause|unpause)$/.test(news.action);
}

/** What matters of a container that does not run: it was made, started or removed, or that may have been. Pure. */
export function concerns(
  news: RuntimeNews,
  instance: Pick<DriverInstance, "id" | "name" | "container">,
): boolean {
  if (typeof news === "string") return news === "open";
  const { id, action, attributes } = news;
  if (!/^(create|start|restart|destroy|remove)$/.test(action)) return false;
  const { adopted } = instance.container ?? {};
  if (adopted !== undefined) return id === adopted;
  return attributes[INSTANCE_LABEL] === instance.id || attributes["name"] === nameOf(instance);
}
