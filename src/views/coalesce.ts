import { type Disposable, toDisposable } from "../base/disposable.ts";

/** Gathers ids and hands them over together: the first at once, later ones at most once per interval. */
export class Coalescer implements Disposable {
  readonly #intervalMs: number;
  readonly #flush: (ids: readonly string[]) => void;
  readonly #waiting = new Set<string>();
  #due = false;
  #timer: Disposable | undefined;

  constructor(intervalMs: number, flush: (ids: readonly string[]) => void) {
    this.#intervalMs = intervalMs;
    this.#flush = flush;
  }

  /** No ids at all still means that something is to be handed over. */
  add(ids: readonly string[]): void {
    for (const id of ids) this.#waiting.add(id);
    this.#due = true;
    if (!this.#timer) this.#hand();
  }

  dispose(): void {
    this.#timer?.dispose();
    this.#due = false;
  }

  #hand(): void {
    const timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#due) this.#hand();
    }, this.#intervalMs);
    this.#timer = toDisposable(() => clearTimeout(timer));
    const ids = [...this.#waiting];
    this.#waiting.clear();
    this.#due = false;
    this.#flush(ids);
  }
}
