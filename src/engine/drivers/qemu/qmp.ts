/**
 * A client of QEMU's machine protocol (QMP; specified in QEMU's docs/interop/qmp-spec). The peer is not trusted to be
 * well: it may be silent, leave, or send what is no JSON, and none of that may hang or swell the engine.
 */
import net from "node:net";
import { type Deferred, deferred, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { Emitter } from "../../../base/event.ts";

export type QmpEvent = { name: string; data: Readonly<Record<string, unknown>> };

/** The longest line that is taken. Replies to what we ask are far shorter. */
const MAX_LINE_BYTES = 8 * 2 ** 20;
const DEFAULT_DEADLINE_MS = 10_000;

export class QmpClient {
  readonly #socket: net.Socket;
  readonly #waiting = new Map<number, Deferred<unknown>>();
  readonly #greeted = deferred<void>();
  readonly #closed = deferred<void>();
  readonly #events = new Emitter<QmpEvent>();
  #lastId = 0;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #failure: EngineError | undefined;

  readonly onEvent = this.#events.event;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void> = this.#closed.promise;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#greeted.promise.catch(() => {});
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error.message));
    socket.on("close", () => this.#end());
  }

  /** Connects, waits for the greeting and takes the protocol's first step. Rejects by `deadlineMs` at the latest. */
  static async connect(
    path: string,
    options: { signal?: AbortSignal | undefined; deadlineMs?: number } = {},
  ): Promise<QmpClient> {
    options.signal?.throwIfAborted();
    const { signal, done } = withDeadline(options.deadlineMs ?? DEFAULT_DEADLINE_MS, options.signal);
    const socket = net.connect(path);
    const client = new QmpClient(socket);
    const onAbort = () => socket.destroy(new Error("it did not answer"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await client.#greeted.promise;
      await client.execute("qmp_capabilities", {}, { signal });
      return client;
    } catch (error) {
      socket.destroy();
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      done();
    }
  }

  /** Sends a command and resolves with its `return`. Rejects with `driver-failed` and QEMU's words on an error. */
  async execute(
    command: string,
    args: Record<string, unknown> = {},
    options: { signal?: AbortSignal | undefined; deadlineMs?: number } = {},
  ): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    options.signal?.throwIfAborted();
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = deferred<unknown>();
    this.#waiting.set(id, reply);
    const { signal, done } = withDeadline(options.deadlineMs ?? DEFAULT_DEADLINE_MS, options.signal);
    const onAbort = () => {
      const reason = options.signal?.aborted
        ? options.signal.reason
        : new EngineError("timed-out", `cannot ${command}: QEMU did not answer`, {
            hint: "Force it to stop.",
          });
      reply.reject(reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    try {
      return await reply.promise;
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", onAbort);
      done();
    }
  }

  /** Lets go of the connection; QEMU runs on. */
  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#keep(rest.subarray(0, end));
      const line = Buffer.concat(this.#partial, this.#partialBytes).toString("utf8").trim();
      this.#partial = [];
      this.#partialBytes = 0;
      rest = rest.subarray(end + 1);
      if (line !== "") this.#understand(line);
      if (this.#failure) return;
    }
    this.#keep(rest);
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
    if (this.#partialBytes > MAX_LINE_BYTES) this.#fail("it sent a line without an end");
  }

  #understand(line: string): void {
    const message = recordOf(line);
    if (!message) {
      this.#fail("it sent what is no message");
      return;
    }
    const { QMP, event, data, id, error } = message;
    if (QMP !== undefined) this.#greeted.resolve();
    if (typeof event === "string") this.#events.fire({ name: event, data: isRecord(data) ? data : {} });
    if (typeof id !== "number") return;
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(message["return"]);
    else waiting?.reject(new EngineError("driver-failed", `cannot go on: QEMU says: ${wordsOf(error)}`));
  }

  #fail(reason: string): void {
    this.#failure ??= new EngineError("driver-failed", `cannot talk to QEMU: ${reason}`);
    this.#partial = [];
    this.#partialBytes = 0;
    this.#socket.destroy();
  }

  #end(): void {
    this.#failure ??= new EngineError("driver-failed", "cannot talk to QEMU: it closed the connection");
    this.#greeted.reject(this.#failure);
    for (const reply of this.#waiting.values()) reply.reject(this.#failure);
    this.#waiting.clear();
    this.#closed.resolve();
    this.#events.dispose();
  }
}

function recordOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wordsOf(error: unknown): string {
  const text = isRecord(error) ? error["desc"] : undefined;
  return typeof text === "string" ? text.slice(0, 1000) : "an error without words";
}
