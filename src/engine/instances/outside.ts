/**
 * What others do to containers of ours that do not run: started, removed, made again. What runs tells of itself. Nothing
 * is watched where there is no such container.
 */

import type { Problem } from "../../api/instance.ts";
import { KeyedQueue } from "../../base/async.ts";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import { hasImage } from "../store/record.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { readyInBackground } from "./ready.ts";
import { attach } from "./recover.ts";

const GONE = "container-gone";
const IN_SIGHT: readonly string[] = ["running", "stopped", "unknown"];

export class OutsideWatch implements Disposable {
  readonly #keeper: Keeper;
  readonly #owned = new DisposableStore();
  readonly #watched = new Map<Entry, Disposable>();
  /** Those that are to be looked at, one after the other. */
  readonly #looks = new KeyedQueue();
  readonly #due = new Set<Entry>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
    this.#owned.add(keeper.onDidChange(() => this.#follow()));
    this.#follow();
  }

  dispose(): void {
    this.#owned.dispose();
    for (const watch of this.#watched.values()) watch.dispose();
    this.#watched.clear();
  }

  #follow(): void {
    const entries = new Set(this.#keeper.entries().filter(isInSight));
    for (const entry of entries) if (!this.#watched.has(entry)) this.#watched.set(entry, this.#watch(entry));
    for (const [entry, watch] of this.#watched) {
      if (entries.has(entry)) continue;
      watch.dispose();
      this.#watched.delete(entry);
    }
  }

  #watch(entry: Entry): Disposable {
    const owned = new DisposableStore();
    this.#begin(entry, owned).catch((error: unknown) =>
      this.#keeper.log.debug("a container is not watched", { instance: nameOf(entry), error }),
    );
    return owned;
  }

  async #begin(entry: Entry, owned: DisposableStore): Promise<void> {
    const instance = await this.#keeper.driverInstance(entry);
    const watch = this.#keeper.driverOf(entry).watch?.(instance, () => this.#look(entry));
    if (watch) owned.add(watch);
  }

  /** However often it is told of before its turn, it is looked at once. */
  #look(entry: Entry): void {
    if (this.#due.has(entry) || !isAtRest(entry)) return;
    this.#due.add(entry);
    void this.#looks.run("", async () => {
      this.#due.delete(entry);
      try {
        if (!this.#owned.disposed) await lookAgain(this.#keeper, entry);
      } catch (error) {
        this.#keeper.log.debug("a container could not be looked at", { instance: nameOf(entry), error });
      }
    });
  }
}

function isInSight({ record, broken }: Entry): boolean {
  const { container } = record.descriptor;
  return container !== undefined && !broken && hasImage(record.descriptor) && IN_SIGHT.includes(record.state);
}

/** What runs, and what an operation works on, is told of by that. */
function isAtRest(entry: Entry): boolean {
  return !entry.running && !entry.pending && isInSight(entry);
}

async function lookAgain(keeper: Keeper, entry: Entry): Promise<void> {
  if (!isAtRest(entry)) return;
  const running = await attach(keeper, entry);
  if (!isAtRest(entry)) return running?.release();
  const { problems, state } = entry.record;
  const others = without(problems, GONE, "attach-failed");
  if (running) {
    keeper.attached(entry, running, {
      state: "running",
      problems: without(others, "ended-unexpectedly", "ended-unseen"),
    });
    void readyInBackground(keeper, entry);
    return;
  }
  const signal = AbortSignal.timeout(LOOK_MS);
  const gone = await keeper.driverOf(entry).isGone?.({ signal }, await keeper.driverInstance(entry));
  if (!isAtRest(entry)) return;
  // That it has ended with its removal is no other problem.
  const now = gone ? [...without(others, "ended-unexpectedly"), containerGone(nameOf(entry))] : others;
  if (state === "stopped" && sameCodes(now, problems)) return;
  keeper.update(entry, { state: "stopped", problems: now });
}

const LOOK_MS = 10_000;

function sameCodes(some: readonly Problem[], others: readonly Problem[]): boolean {
  const codes = (problems: readonly Problem[]) => problems.map(({ code }) => code).join(" ");
  return codes(some) === codes(others);
}

function containerGone(name: string): Problem {
  return {
    code: GONE,
    severity: "error",
    message: "its container was removed outside of Berth",
    hint: `Restore a snapshot of it, or delete it: berth delete ${name}`,
  };
}
