/** Following an operation to its end, across the loss and return of the engine. */
import type { Operation, Progress } from "../api/operation.ts";
import { withDeadline } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineApi } from "./engine-client.ts";

export type WatchOptions = {
  api: EngineApi;
  /** Resolves when an engine answers again; it goes on with the operation under the same id. */
  reconnect: (signal: AbortSignal | undefined) => Promise<void>;
  onProgress?: ((progress: Progress, operation: Operation) => void) | undefined;
  signal?: AbortSignal | undefined;
};

const CANCEL_TIMEOUT_MS = 10_000;

/** Resolves with the succeeded operation; rejects with its error. Aborting the signal cancels it on the engine. */
export async function watchOperation(operation: Operation, options: WatchOptions): Promise<Operation> {
  let ended = operation.status === "running" ? undefined : operation;
  while (!ended) {
    try {
      ended = await follow(operation.id, options);
    } catch (error) {
      if (options.signal?.aborted) throw await cancel(operation, options.api);
      if (!isLoss(error)) throw error;
      await options.reconnect(options.signal);
    }
  }
  return settle(ended);
}

async function follow(id: string, { api, onProgress, signal }: WatchOptions): Promise<Operation> {
  for await (const now of await api.operations.follow({ id }, signal ? { signal } : {})) {
    if (now.progress) onProgress?.(now.progress, now);
    if (now.status !== "running") return now;
  }
  signal?.throwIfAborted();
  throw new EngineError("engine-unavailable", "the connection to the engine ended");
}

/** What to reject with once the engine was asked to stop it: `cancelled`, or why it cannot be stopped any more. */
async function cancel({ id, kind, target }: Operation, api: EngineApi): Promise<Error> {
  const deadline = withDeadline(CANCEL_TIMEOUT_MS);
  try {
    await api.operations.cancel({ id }, { signal: deadline.signal });
    return cancelled(kind, target);
  } catch (error) {
    return error as Error;
  } finally {
    deadline.done();
  }
}

function settle(operation: Operation): Operation {
  if (operation.status === "succeeded") return operation;
  if (operation.status === "cancelled") throw cancelled(operation.kind, operation.target);
  if (operation.error) throw EngineError.fromBody(operation.error);
  throw new EngineError("internal", `cannot ${operation.kind} ${operation.target}: no reason was given`);
}

function cancelled(kind: string, target: string): EngineError {
  return new EngineError("cancelled", `cannot ${kind} ${target}: it was cancelled`);
}

function isLoss(error: unknown): boolean {
  return error instanceof EngineError && error.code === "engine-unavailable";
}
