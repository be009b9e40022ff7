/** The serial consoles of guests that run: a connection to each that is watched, for as long as it is. */
import path from "node:path";
import type { Duplex } from "node:stream";
import { CONSOLE_HISTORY_BYTES, type ConsoleOpen } from "../../api/streams.ts";
import { abortable, deferred, withDeadline } from "../../base/async.ts";
import type { Disposable } from "../../base/disposable.ts";
import { EngineError } from "../../base/errors.ts";
import type { Running } from "../drivers/running.ts";
import { ConsoleFeed } from "./console-feed.ts";
import { refuseOfContainer } from "./container.ts";
import { logTail } from "./details.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { Action } from "./transitions.ts";

/** A local socket that answers at all does so at once. */
const CONNECT_MS = 10_000;

/** Operations at whose end a guest runs that does not yet. */
const BRINGS_UP: ReadonlySet<Action> = new Set(["launch", "start", "restart"]);

export class Consoles implements Disposable {
  readonly #keeper: Keeper;
  readonly #feeds = new Map<Running, Promise<ConsoleFeed>>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  async open(name: string, { historyBytes }: ConsoleOpen, signal: AbortSignal): Promise<Duplex> {
    const entry = this.#keeper.find(name, "open the console of");
    const hint = `What it prints: berth logs -f ${name}. Enter it: berth shell ${name}`;
    refuseOfContainer(entry.record.descriptor, "open the console of", "serial port", hint);
    const running = await this.#running(entry, signal);
    for (;;) {
      signal.throwIfAborted();
      const feed = await this.#feedOf(entry, running);
      if (!feed.closed) return feed.watch(historyBytes);
      // The last watcher left while this one came.
      if (entry.running !== running) throw notRunning(nameOf(entry));
    }
  }

  dispose(): void {
    const close = (feed: ConsoleFeed) => feed.close();
    for (const feed of this.#feeds.values()) void feed.then(close, () => {});
    this.#feeds.clear();
  }

  /** One that is about to run is waited for: its first words are the ones that matter. */
  async #running(entry: Entry, signal: AbortSignal): Promise<Running> {
    while (!entry.running && this.#comes(entry)) {
      const changed = deferred<void>();
      const listener = this.#keeper.onDidChange(() => changed.resolve());
      try {
        await abortable(changed.promise, signal);
      } finally {
        listener.dispose();
      }
    }
    if (!entry.running) throw notRunning(nameOf(entry));
    return entry.running;
  }

  #comes({ pending, record }: Entry): boolean {
    const known = this.#keeper.byId(record.descriptor.id) !== undefined;
    return known && pending !== undefined && BRINGS_UP.has(pending.action);
  }

  #feedOf(entry: Entry, running: Running): Promise<ConsoleFeed> {
    const known = this.#feeds.get(running);
    if (known) return known;
    const feed = this.#connect(entry, running);
    this.#feeds.set(running, feed);
    const forget = () => {
      if (this.#feeds.get(running) === feed) this.#feeds.delete(running);
    };
    feed.then(({ ended }) => ended.then(forget), forget);
    return feed;
  }

  async #connect(entry: Entry, { console, exited }: Running): Promise<ConsoleFeed> {
    const name = nameOf(entry);
    if (!console) throw withoutConsole(name);
    const { signal, done } = withDeadline(CONNECT_MS);
    const file = path.join(this.#keeper.files.directory(entry.record.descriptor.id), "serial.log");
    try {
      const port = await console({ signal });
      return await ConsoleFeed.open({
        name,
        port,
        exited,
        logged: () => logTail(file, CONSOLE_HISTORY_BYTES),
      });
    } finally {
      done();
    }
  }
}

function notRunning(name: string): EngineError {
  const reason = `cannot open the console of ${name}: instance "${name}" is not running`;
  return new EngineError("wrong-state", reason, { hint: `Start it: berth start ${name}` });
}

function withoutConsole(name: string): EngineError {
  const reason = `cannot open the console of ${name}: it was started without one, by an earlier version of Berth`;
  return new EngineError("not-supported", reason, { hint: `Restart it once: berth restart ${name}` });
}
