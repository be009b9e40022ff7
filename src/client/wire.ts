/** What calls and streams share: where the engine is, what is said to it first, and what its refusals mean. */
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../api/protocol.ts";
import { EngineError, type ErrorBody, isErrorCode } from "../base/errors.ts";
import type { Endpoint } from "../base/paths.ts";

export type Address = {
  endpoint: Endpoint;
  /** Bearer token, where the endpoint needs one. */
  token?: string | undefined;
  /** Who listens there has not been asked who it is: it declines what it should have been asked for. */
  unasked?: boolean;
};

/** What every request to the endpoint carries. The host name is never looked up. */
export function headersFor({ token, unasked }: Address): Record<string, string> {
  return {
    host: "localhost",
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(unasked ? { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) } : {}),
  };
}

/** What the body of a failed response says, or undefined where that is not an ErrorBody. */
export function decodeError(body: unknown): EngineError | undefined {
  const { code, message } = (body ?? {}) as Partial<ErrorBody>;
  if (!isErrorCode(code) || typeof message !== "string") return undefined;
  return EngineError.fromBody(body as ErrorBody);
}

const NOT_RUNNING = new Set(["ENOENT", "ECONNREFUSED"]);
const LOST = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/**
 * Details of an `engine-unavailable` error. `not-running`: nothing listens on the endpoint. `declined`: an engine listens
 * but wants to be asked first who it is.
 */
export type Unavailable = { reason: "not-running" | "lost" | "declined" };

/** Gives a failed connection its meaning; other errors come back as they are. */
export function fromSystem(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && NOT_RUNNING.has(code)) {
    return new EngineError("engine-unavailable", "cannot reach the engine: it is not running", {
      details: { reason: "not-running" } satisfies Unavailable,
      cause: error,
    });
  }
  if (code !== undefined && LOST.has(code)) {
    return new EngineError("engine-unavailable", "cannot reach the engine: the connection was lost", {
      hint: "Try again: the engine may have been restarted.",
      details: { reason: "lost" } satisfies Unavailable,
      cause: error,
    });
  }
  return error;
}

/** Whether the error says that no engine listens. */
export function isNotRunning(error: unknown): boolean {
  return error instanceof EngineError && (error.details as Unavailable | undefined)?.reason === "not-running";
}

/** Whether the engine wants to be asked first, as it is of another protocol or about to leave. */
export function isDeclined(error: unknown): boolean {
  return error instanceof EngineError && (error.details as Unavailable | undefined)?.reason === "declined";
}

export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException("aborted", "AbortError");
}
