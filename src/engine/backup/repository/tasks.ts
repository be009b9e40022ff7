/** Work that goes on at the same time and is waited for together: the first failure is everybody's. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  get running(): number {
    return this.#running.size;
  }

  add(work: Promise<unknown>): void {
    const task: Promise<void> = work.then(
      () => {},
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    this.#running.add(task);
    void task.then(() => this.#running.delete(task));
  }

  /** Throws what has failed so far. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Resolves when fewer than this many are running. */
  async below(count: number): Promise<void> {
    this.check();
    while (this.#running.size >= count) {
      await Promise.race(this.#running);
      this.check();
    }
  }

  /** Resolves when all have ended, whatever became of them, and throws then what has failed. */
  async all(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.check();
  }
}
