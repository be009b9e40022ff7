/** Cancellation, deadlines and ordering. Every wait here ends when its signal does. */
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

export type Deferred<T> = {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
};

export function deferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, resolve, reject };
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return delay(ms, undefined, signal ? { signal } : {});
}

/** A function that does its work at the first call and gives the same result at every other. */
export function once<T>(work: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: work() };
    return made.value;
  };
}

/** Rejects with the signal's reason as soon as it aborts; the work itself is not stopped. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A signal that aborts with the parent, or with a TimeoutError after `ms`. Call `done` when the work has ended. */
export function withDeadline(ms: number, parent?: AbortSignal): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`took longer than ${ms / 1000} s`, "TimeoutError"));
  }, ms);
  const onAbort = () => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  parent?.addEventListener("abort", onAbort, { once: true });
  const done = () => {
    clearTimeout(timer);
    parent?.removeEventListener("abort", onAbort);
  };
  controller.signal.addEventListener("abort", done, { once: true });
  return { signal: controller.signal, done };
}

/** Runs tasks of the same key one after the other, tasks of different keys in parallel. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task, task);
    const tail = result.catch(() => {});
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }
}

/** Resolves at the first of these, or where none of them can come any more. */
export async function happens(
  stream: Readable | Writable,
  events: readonly string[],
  or: Promise<unknown> = deferred().promise,
): Promise<void> {
  const { promise, resolve } = deferred<void>();
  for (const event of events) stream.on(event, resolve);
  if (stream.destroyed) resolve();
  const settle = () => resolve();
  or.then(settle, settle);
  await promise;
  for (const event of events) stream.off(event, resolve);
}
