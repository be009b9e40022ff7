/** Work that several callers want at once is done once, and ends early only when none of them wants it any more. */
import { abortable } from "../base/async.ts";
import type { Ctx } from "./ctx.ts";

type Running<T> = {
  result: Promise<T>;
  controller: AbortController;
  waiters: Set<Ctx>;
  last: Parameters<Ctx["progress"]>[0] | undefined;
};

export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  /** The keys of what is being done now. */
  keys(): string[] {
    return [...this.#running.keys()];
  }

  /** Joins the work of this key or begins it. Rejects at once when the caller's own signal aborts. */
  async run(key: string, ctx: Ctx, work: (ctx: Ctx) => Promise<T>): Promise<T> {
    ctx.signal.throwIfAborted();
    // Work that everybody has left is on its way out: a new caller begins anew after it.
    for (
      let running = this.#running.get(key);
      running?.controller.signal.aborted;
      running = this.#running.get(key)
    )
      await abortable(
        running.result.then(
          () => {},
          () => {},
        ),
        ctx.signal,
      );
    const running = this.#running.get(key) ?? this.#begin(key, ctx, work);
    running.waiters.add(ctx);
    if (running.last) ctx.progress(running.last);
    try {
      return await abortable(running.result, ctx.signal);
    } finally {
      running.waiters.delete(ctx);
      if (running.waiters.size === 0) running.controller.abort(ctx.signal.reason);
      // Whoever left last waits until nothing touches its files any more.
      if (running.waiters.size === 0) await running.result.catch(() => {});
    }
  }

  #begin(key: string, ctx: Ctx, work: (ctx: Ctx) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const waiters = new Set<Ctx>();
    const running: Running<T> = {
      result: Promise.resolve() as Promise<never>,
      controller,
      waiters,
      last: undefined,
    };
    const progress: Ctx["progress"] = (value) => {
      running.last = value;
      for (const waiter of waiters) waiter.progress(value);
    };
    const inner = work({ signal: controller.signal, progress, log: ctx.log });
    running.result = inner.finally(() => this.#running.delete(key));
    running.result.catch(() => {}); // Each waiter gets the error by itself.
    this.#running.set(key, running);
    return running;
  }
}
