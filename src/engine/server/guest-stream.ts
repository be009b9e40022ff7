/** One stream with a guest over one WebSocket, as `api/streams.ts` describes it; back-pressure in both directions. */
import type { Readable } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type Channel, decodeFrame, encodeFrame, MAX_FRAME_BYTES } from "../../api/frames.ts";
import { StreamControl } from "../../api/streams.ts";
import { abortable, deferred, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { EngineCore } from "../engine-core.ts";

/** Of the core: the server sees no guest otherwise. */
export type GuestAccess = ReturnType<EngineCore["instances"]["guest"]>;
export type GuestProcess = Awaited<ReturnType<GuestAccess["exec"]>>;

/** Bytes that may wait in the socket before the guest's output is no longer read. */
const HIGH_WATER_BYTES = 2 ** 20;
/** What is left to the channel byte in the largest frame. */
const MAX_CHUNK_BYTES = MAX_FRAME_BYTES - 1;

type Message = { data: Buffer; binary: boolean };

export class GuestStream {
  readonly #socket: WebSocket;
  readonly #controller = new AbortController();
  readonly #ended = deferred<void>();
  readonly #failed = deferred<never>();
  /** Messages that came before somebody was ready for them: at most what one read of the socket held. */
  #early: Message[] = [];
  #receive: ((message: Message) => void) | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#failed.promise.catch(() => {});
    socket.on("message", (data: RawData, binary: boolean) =>
      this.#onMessage({ data: asBuffer(data), binary }),
    );
    socket.on("error", () => {}); // `close` follows, and says all there is to do.
    socket.once("close", () => {
      this.#controller.abort(new EngineError("cancelled", "the client closed the stream"));
      this.#ended.resolve();
    });
  }

  /** Aborts when the client has gone. */
  get closed(): AbortSignal {
    return this.#controller.signal;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The first message. The socket stays paused after it, until the process is there. */
  async readOpen<T>(schema: Schema<T>, timeoutMs: number): Promise<T> {
    const first = deferred<Message>();
    const deadline = withDeadline(timeoutMs, this.closed);
    this.#receive = (message) => {
      this.#receive = undefined;
      this.#socket.pause();
      first.resolve(message);
    };
    try {
      return parseText(schema, await abortable(first.promise, deadline.signal));
    } finally {
      deadline.done();
    }
  }

  /** Connects the process with the client. Resolves with its exit, after all its output was sent. */
  async relay(process: GuestProcess): Promise<{ code?: number; signal?: string }> {
    process.stdin.on("error", () => {}); // It may leave without reading its input; its exit tells.
    this.#socket.send(JSON.stringify({ type: "opened" } satisfies StreamControl));
    const outputs = Promise.all([this.#pump("stdout", process.stdout), this.#pump("stderr", process.stderr)]);
    outputs.catch(() => process.close());
    this.#startReceiving((message) => this.#handle(message, process));
    try {
      const exit = await Promise.race([abortable(process.exited, this.closed), this.#failed.promise]);
      await outputs;
      return exit;
    } finally {
      this.#receive = () => {}; // The process has ended: what still comes is for nobody.
      process.close();
      this.#socket.resume();
    }
  }

  end(last: StreamControl): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.resume();
    this.#socket.send(JSON.stringify(last));
    this.#socket.close(1000);
  }

  #startReceiving(receive: (message: Message) => void): void {
    this.#receive = receive;
    const early = this.#early;
    this.#early = [];
    this.#socket.resume();
    for (const message of early) this.#onMessage(message);
  }

  #onMessage(message: Message): void {
    if (this.#receive) this.#receive(message);
    else this.#early.push(message);
  }

  #handle(message: Message, process: GuestProcess): void {
    try {
      if (message.binary) this.#writeInput(message.data, process);
      else this.#control(parseText(StreamControl, message), process);
    } catch (error) {
      this.#failed.reject(error);
    }
  }

  #writeInput(frame: Buffer, { stdin }: GuestProcess): void {
    const decoded = decodeFrame(frame);
    if (decoded?.channel !== "stdin") throw protocolError("a binary frame that is not for stdin");
    if (!stdin.writable || stdin.write(decoded.bytes)) return;
    this.#socket.pause();
    const resume = () => {
      stdin.off("drain", resume).off("close", resume);
      this.#socket.resume();
    };
    stdin.on("drain", resume).on("close", resume);
  }

  #control(control: StreamControl, process: GuestProcess): void {
    if (control.type === "eof") process.stdin.end();
    else if (control.type === "resize") process.resize(control.size);
    else if (control.type === "signal") process.signal(control.signal);
    else throw protocolError(`a control message that only the engine sends (${control.type})`);
  }

  async #pump(channel: Channel, output: Readable): Promise<void> {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += MAX_CHUNK_BYTES)
        await this.#send(encodeFrame(channel, chunk.subarray(at, at + MAX_CHUNK_BYTES)));
    }
  }

  /** Resolves at once while little waits in the socket, else when these bytes have left it. */
  #send(frame: Buffer): Promise<void> {
    const sent = deferred<void>();
    sent.promise.catch(() => {});
    this.#socket.send(frame, (error) => (error ? sent.reject(error) : sent.resolve()));
    return this.#socket.bufferedAmount > HIGH_WATER_BYTES ? sent.promise : Promise.resolve();
  }
}

function parseText<T>(schema: Schema<T>, message: Message): T {
  if (message.binary) throw protocolError("a binary frame where a JSON message belongs");
  let value: unknown;
  try {
    value = JSON.parse(message.data.toString("utf8"));
  } catch {
    throw protocolError("a text frame that is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as T;
  const issue = parsed.error?.issues[0];
  throw protocolError(`a message that is not understood (${issue?.path.join(".") ?? ""} ${issue?.message})`);
}

/** What is used of a zod schema. */
export type Schema<T> = { safeParse(value: unknown): SafeResult<T> };

type SafeResult<T> = {
  success: boolean;
  data?: T;
  error?: { issues: { path: PropertyKey[]; message: string }[] };
};

function protocolError(what: string): EngineError {
  return new EngineError("invalid-argument", `cannot continue the stream: the client sent ${what}`);
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
