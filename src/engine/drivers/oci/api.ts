/**
 * Requests to a container runtime by the HTTP API that Docker made and Podman speaks too. Each request has a connection
 * of its own, so that none is open while nothing is asked, and none meets a connection that the runtime is closing.
 */
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import { type Duplex, pipeline, Readable } from "node:stream";
import { withDeadline } from "../../../base/async.ts";
import type { Ctx } from "../../ctx.ts";
import type { TunnelEnd } from "../../guest/guest.ts";
import { RUNTIME_SOCKET } from "../container-host.ts";
import { answeredError, connectError, lateError } from "./api-errors.ts";
import { addressOf, type Endpoint } from "./endpoints.ts";

type Signal = Pick<Ctx, "signal">;

export type RequestMore = {
  /** What the request is for, as an error says it after "cannot". */
  doing?: string | undefined;
  query?: Record<string, string | undefined> | undefined;
  headers?: Record<string, string> | undefined;
};

type WholeOptions = RequestMore & { body?: unknown; deadlineMs?: number | undefined };

/** How long an answer may take where nobody says otherwise; what takes longer is streamed. */
const ANSWER_MS = 30_000;
/** The longest answer that is taken whole: a list of thousands of containers is a few megabytes. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

/** Makes a connection from within the VM that a runtime is in. */
export type Connect = (ctx: Signal, to: TunnelEnd) => Promise<Duplex>;

export class RuntimeApi {
  readonly endpoint: Endpoint;
  /** Present where no address of this host leads to the runtime, or to what it runs. */
  readonly connect: Connect | undefined;

  constructor(endpoint: Endpoint, connect?: Connect) {
    this.endpoint = endpoint;
    this.connect = connect;
  }

  /**
   * Resolves with the value of the answer; undefined where it has none, as when there was nothing to change (304).
   * Rejects where the runtime refuses, cannot be reached or takes longer than the deadline.
   */
  json<T>(ctx: Signal, method: string, path: string, options: WholeOptions = {}): Promise<T> {
    return this.#whole(ctx, method, path, options, (text) => parsed(text) as T);
  }

  /** What answers, and of which version, in its own words; empty where it does not say. Costs it nothing, unlike `/version`. */
  greeting(ctx: Signal, options: WholeOptions = {}): Promise<string> {
    return this.#whole(ctx, "GET", "/_ping", options, (_text, { headers }) =>
      String(headers["server"] ?? ""),
    );
  }

  async #whole<T>(
    ctx: Signal,
    method: string,
    path: string,
    options: WholeOptions,
    read: (text: string, answer: IncomingMessage) => T,
  ): Promise<T> {
    const { deadlineMs = ANSWER_MS } = options;
    const deadline = withDeadline(deadlineMs, ctx.signal);
    try {
      const answer = await this.#send(deadline.signal, method, path, options);
      const text = await readText(answer);
      const { statusCode = 0 } = answer;
      if (statusCode >= 400)
        throw answeredError(this.endpoint, options.doing ?? `${method} ${path}`, statusCode, text);
      return read(text, answer);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (deadline.signal.aborted)
        throw lateError(this.endpoint, options.doing ?? `${method} ${path}`, deadlineMs);
      throw await this.#explain(error, options.doing ?? `${method} ${path}`);
    } finally {
      deadline.done();
    }
  }

  /**
   * Resolves when the runtime begins its answer; the caller reads or destroys it, and the signal ends it at any time.
   * A body that is a stream is sent as it comes. Has no deadline: what is streamed may be silent for long.
   */
  async stream(
    ctx: Signal,
    method: string,
    path: string,
    options: RequestMore & { body?: unknown } = {},
  ): Promise<IncomingMessage> {
    const doing = options.doing ?? `${method} ${path}`;
    try {
      const answer = await this.#send(ctx.signal, method, path, options);
      const { statusCode = 0 } = answer;
      if (statusCode >= 400) throw answeredError(this.endpoint, doing, statusCode, await readText(answer));
      return answer;
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw await this.#explain(error, doing);
    }
  }

  /**
   * A connection to a process, past HTTP: what is read and written on it are the bytes of its streams. The caller owns
   * it; the signal ends it at any time.
   */
  async upgrade(ctx: Signal, path: string, options: RequestMore & { body?: unknown } = {}): Promise<Duplex> {
    const doing = options.doing ?? `POST ${path}`;
    const headers = { connection: "Upgrade", upgrade: "tcp", ...options.headers };
    try {
      return await this.#upgrade(ctx.signal, path, { ...options, headers, doing });
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw await this.#explain(error, doing);
    }
  }

  #send(
    signal: AbortSignal,
    method: string,
    path: string,
    options: RequestMore & { body?: unknown },
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(signal, method, path, options);
      sent.on("error", reject); // After the head, the reader of the answer sees it.
      sent.once("response", resolve);
      if (options.body instanceof Readable) sendBody(options.body, sent, reject);
      else sent.end(textOf(options.body));
    });
  }

  #upgrade(
    signal: AbortSignal,
    path: string,
    options: RequestMore & { body?: unknown; doing: string },
  ): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(signal, "POST", path, options);
      sent.on("error", reject);
      sent.once("upgrade", (_answer, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        const onAbort = () => socket.destroy();
        signal.addEventListener("abort", onAbort, { once: true });
        socket.once("close", () => signal.removeEventListener("abort", onAbort));
        if (signal.aborted) onAbort();
        resolve(socket);
      });
      sent.once("response", (answer) => {
        const refused = (text: string) =>
          answeredError(this.endpoint, options.doing, answer.statusCode ?? 0, text);
        readText(answer).then((text) => reject(refused(text)), reject);
      });
      sent.end(textOf(options.body));
    });
  }

  #request(
    signal: AbortSignal,
    method: string,
    path: string,
    options: RequestMore & { body?: unknown },
  ): ClientRequest {
    signal.throwIfAborted();
    const sent = request({
      ...this.#way(signal),
      method,
      path: path + queryText(options.query),
      headers: { host: "localhost", ...bodyHeaders(options.body), ...options.headers },
    });
    const onAbort = () => sent.destroy(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    const forget = () => signal.removeEventListener("abort", onAbort);
    // One that never got a connection of ours is not closed.
    sent.once("close", forget).once("error", forget);
    return sent;
  }

  #way(signal: AbortSignal): RequestOptions {
    const { connect } = this;
    if (!connect) return { ...addressOf(this.endpoint), agent: false };
    return {
      createConnection: (_options, done) => {
        connect({ signal }, { socketPath: RUNTIME_SOCKET }).then(
          (connection) => done(null, connection),
          (error: Error) => done(error, undefined as never),
        );
        return undefined;
      },
    };
  }

  #explain(error: unknown, doing: string): Promise<unknown> {
    return connectError(this.endpoint, doing, error);
  }
}

/** A runtime that refuses early stops reading: then its answer tells, which has come before the body's end. */
function sendBody(body: Readable, sent: ClientRequest, failed: (error: unknown) => void): void {
  pipeline(body, sent, (error) => {
    if (error) failed(error);
  });
  sent.once("close", () => body.destroy());
}

function queryText(query: RequestMore["query"] = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function textOf(body: unknown): string | undefined {
  return body === undefined ? undefined : JSON.stringify(body);
}

function bodyHeaders(body: unknown): Record<string, string> {
  if (body instanceof Readable) return { "content-type": "application/x-tar" };
  const length = String(Buffer.byteLength(textOf(body) ?? ""));
  return { "content-length": length, ...(body === undefined ? {} : { "content-type": "application/json" }) };
}

/** Where there is nothing to say, some answers are empty and others an empty line. */
function parsed(text: string): unknown {
  try {
    return text.trim() === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new Error(`its answer is no JSON: ${text.slice(0, 100)}`, { cause });
  }
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
