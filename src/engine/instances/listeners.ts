/** What listens in running guests, pushed to whoever watches; nothing runs in a guest while nobody does. */
import { LISTENERS_INTERVAL_MS, type PortListener } from "../../api/port.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { ListenersApi } from "../engine-core.ts";
import type { GuestAccess } from "../guest/guest.ts";
import { listenersReader, listenersScript } from "../guest/listeners.ts";
import { GuestFeeds } from "./feeds.ts";

/** A guest under emulation on a busy host takes its time. */
const ANSWER_MS = 60_000;

export class Listeners implements ListenersApi {
  readonly #feeds: GuestFeeds<PortListener[]>;

  /** `guestOf` throws where the instance is unknown or does not run. */
  constructor(guestOf: (name: string) => GuestAccess) {
    this.#feeds = new GuestFeeds(guestOf, {
      script: listenersScript(LISTENERS_INTERVAL_MS),
      reader: listenersReader,
    });
  }

  watch(name: string, signal: AbortSignal): AsyncGenerator<PortListener[], void> {
    return this.#feeds.watch(name, signal);
  }

  async now(name: string, parent: AbortSignal): Promise<PortListener[]> {
    const { signal, done } = withDeadline(ANSWER_MS, parent);
    try {
      for await (const listeners of this.#feeds.watch(name, signal)) return listeners;
    } finally {
      done();
    }
    parent.throwIfAborted();
    const reason = "its guest did not tell";
    throw new EngineError("guest-unreachable", `cannot see what listens in ${name}: ${reason}`, {
      hint: "It may be busy, or have no /proc/net; look at its serial log.",
    });
  }
}
