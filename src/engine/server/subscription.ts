import type { RequestContext } from "./access.ts";

/**
 * The events of a subscription until its client has gone. When the engine leaves, what has been published by then
 * still goes out: the end of the last operation is just what a client waits for.
 */
export async function* untilLeaving<T>(
  subscribe: (signal: AbortSignal) => AsyncIterable<T>,
  { gone, leaving }: Pick<RequestContext, "gone" | "leaving">,
): AsyncGenerator<T, void> {
  const stop = new AbortController();
  const events = subscribe(AbortSignal.any([gone, stop.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const left = afterLeaving(leaving);
      const next = await Promise.race([events.next(), left.promise]).finally(left.dispose);
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    stop.abort();
  }
}

/** Resolves one turn of the event loop after the signal: an event that was published before it comes first. */
function afterLeaving(leaving: AbortSignal): { promise: Promise<undefined>; dispose: () => void } {
  let onAbort = () => {};
  const promise = new Promise<undefined>((resolve) => {
    onAbort = () => void setImmediate(resolve, undefined);
  });
  if (leaving.aborted) onAbort();
  else leaving.addEventListener("abort", onAbort, { once: true });
  return { promise, dispose: () => leaving.removeEventListener("abort", onAbort) };
}
