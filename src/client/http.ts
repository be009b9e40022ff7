/**
 * Requests to the engine's endpoint. Each has a connection of its own: on a local socket that costs nothing, and no
 * request can meet a connection that the engine is just closing.
 */

import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../api/protocol.ts";
import { EngineError, type ErrorBody, isErrorCode } from "../base/errors.ts";
import type { Endpoint } from "../base/paths.ts";
import { readEvents } from "./sse.ts";

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

export type HttpRequest = { method: string; path: string; body?: unknown };

/** Resolves with the value that was answered: JSON, or an iterator of events. Rejects with the engine's error. */
export async function send(address: Address, message: HttpRequest, signal: AbortSignal): Promise<unknown> {
  const response = await begin(address, message, signal);
  const { statusCode = 0, headers } = response;
  if (headers["content-type"]?.startsWith("text/event-stream")) return readEvents(response, signal);
  const value = await readJson(response);
  if (statusCode >= 200 && statusCode < 300) return value;
  throw (
    decodeError(value) ?? new EngineError("internal", `the engine answered ${statusCode} without a reason`)
  );
}

/** Sends the request. Resolves with the response's head. */
function begin(address: Address, message: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const body = message.body === undefined ? undefined : JSON.stringify(message.body);
  return new Promise((resolve, reject) => {
    const sent = request({
      // Node's own way there first asks, by an expression that takes it 5 ms to compile, whether the host is an IPv6 one.
      createConnection: () => connect(address.endpoint.path),
      socketPath: address.endpoint.path, // VS Code, which takes other requests to a proxy, leaves those with it alone.
      path: message.path,
      method: message.method,
      headers: { ...headersFor(address), ...bodyHeaders(body) },
    });
    const onAbort = () => sent.destroy(abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    sent.once("close", () => signal.removeEventListener("abort", onAbort));
    sent.on("error", (error) => reject(fromSystem(error))); // After the head, the reader of the body sees it.
    sent.once("response", resolve);
    sent.end(body);
  });
}

function bodyHeaders(body: string | undefined): Record<string, string> {
  if (body === undefined) return {};
  return { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw fromSystem(error);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
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
