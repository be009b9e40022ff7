/** Faults of networks and servers that may pass by themselves: what asked may ask again. */
import { messageOf } from "../base/errors.ts";

/** Something that may be better in a moment. `afterMs`: how long the server asks to be left alone. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  readonly afterMs: number | undefined;

  constructor(message: string, more: { cause?: unknown; afterMs?: number | undefined } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.afterMs = more.afterMs;
  }
}

/** Whether a status of HTTP may be different in a moment. */
export const isTransientStatus = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500;

/** What lies beneath an error of a connection: `fetch failed`, say, has its reason in its cause. */
export function networkReason(error: unknown): string {
  const inner = error instanceof Error ? error.cause : undefined;
  const cause = inner ?? error;
  // A host with several addresses fails with one error for each and no message of its own.
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0]);
  return messageOf(cause) || messageOf(error);
}
