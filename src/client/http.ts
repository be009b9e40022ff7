/**
 * Requests to the engine's endpoint. Each has a connection of its own: on a local socket that costs nothing, and no
 * request can meet a connection that the engine is just closing.
 */

import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { EngineError } from "../base/errors.ts";
import { readEvents } from "./sse.ts";
import { type Address, abortReason, decodeError, fromSystem, headersFor } from "./wire.ts";

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
