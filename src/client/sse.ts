/** Server-sent events as the engine sends them: `event: message | error | done`, one JSON text in `data`. */
import type { Readable } from "node:stream";
import { EngineError, type ErrorBody, isErrorCode, toEngineError } from "../base/errors.ts";

export type ServerSentEvent = { event: string; data: string };

/** An event larger than this is no event of ours. */
const MAX_EVENT_CHARS = 8 * 2 ** 20;

/**
 * Splits text that arrives in any pieces into events, following the HTML standard's section 9.2.6 (fields `event` and
 * `data`; comments and other fields are ignored). Throws when an event does not end.
 */
export class EventParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #size = 0;

  push(text: string): ServerSentEvent[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#grow(this.#rest.length, false);
    return lines.flatMap((line) => this.#line(line.endsWith("\r") ? line.slice(0, -1) : line) ?? []);
  }

  #line(line: string): ServerSentEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") {
      this.#grow(value.length, true);
      this.#data.push(value);
    }
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    const empty = this.#event === "" && this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    this.#size = 0;
    return empty ? undefined : event;
  }

  #grow(by: number, keep: boolean): void {
    if (this.#size + by > MAX_EVENT_CHARS) {
      throw new EngineError(
        "engine-unavailable",
        "cannot read the engine's events: one of them does not end",
      );
    }
    if (keep) this.#size += by;
  }
}

/** Reads the events of a response until it ends, fails or the signal aborts. An `error` event is thrown. */
export async function* readEvents(body: Readable, signal?: AbortSignal): AsyncGenerator<unknown, void> {
  const parser = new EventParser();
  const onAbort = () => body.destroy();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    body.setEncoding("utf8");
    for await (const text of body as AsyncIterable<string>) {
      for (const { event, data } of parser.push(text)) {
        if (event === "done") return;
        if (event === "error") throw asError(JSON.parse(data));
        if (event === "message") yield JSON.parse(data);
      }
    }
  } catch (error) {
    if (signal?.aborted) return;
    if (error instanceof EngineError) throw error;
    throw new EngineError("engine-unavailable", "the connection to the engine was lost", { cause: error });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    body.destroy();
  }
}

/** oRPC puts what ErrorBody has beside the message into `data`. */
function asError(value: unknown): EngineError {
  const { code, message, data } = value as {
    code?: unknown;
    message?: unknown;
    data?: Pick<ErrorBody, "hint" | "details">;
  };
  if (!isErrorCode(code)) return toEngineError(new Error(String(message)), "follow the events");
  return new EngineError(code, String(message), { hint: data?.hint, details: data?.details });
}
