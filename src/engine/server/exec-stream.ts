/** One stream with a guest over one WebSocket, as `api/streams.ts` describes it; back-pressure in both directions. */
import { type Duplex, Readable } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type Channel, decodeFrame, encodeFrame, MAX_FRAME_BYTES } from "../../api/frames.ts";
import type { SessionRequest } from "../../api/session.ts";
import {
  ConsoleOpen,
  DisplayOpen,
  ExecOpen,
  SftpOpen,
  StreamControl,
  TunnelOpen,
} from "../../api/streams.ts";
import { abortable, deferred, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { EngineCore } from "../engine-core.ts";
import type { Log } from "../log.ts";
import { toPublicError } from "./errors.ts";

type GuestAccess = ReturnType<EngineCore["instances"]["guest"]>;
type ExecRequest = Parameters<GuestAccess["exec"]>[1];
type GuestProcess = Awaited<ReturnType<GuestAccess["exec"]>>;

type StreamOptions = {
  log: Log;
  /** How long a client may take to say what it wants. */
  openTimeoutMs?: number;
};

export type GuestStreamOptions = StreamOptions & {
  /** Looked up when the stream opens; its error is the stream's. */
  guest: () => GuestAccess;
};

export type ExecStreamOptions = GuestStreamOptions & {
  /** Where a directory of this host is mounted in the guest; undefined where it is not. */
  mountedAt: (directory: string) => Promise<string | undefined>;
  openSession: (request: ExecRequest, session: SessionRequest, signal: AbortSignal) => Promise<GuestProcess>;
};

/** What a stream of this kind begins with, and what it is joined to. */
type Kind<T> = {
  open: { safeParse(value: unknown): SafeResult<T> };
  doing: string;
  start: (open: T, signal: AbortSignal) => Promise<GuestProcess>;
};

const OPEN_TIMEOUT_MS = 10_000;
/** A paused socket does not notice that its peer has gone; writing to it does. */
const PING_INTERVAL_MS = 5_000;
/** Bytes that may wait in the socket before the guest's output is no longer read. */
const HIGH_WATER_BYTES = 2 ** 20;
/** What is left to the channel byte in the largest frame. */
const MAX_CHUNK_BYTES = MAX_FRAME_BYTES - 1;

/** Resolves when the socket has closed. Never rejects: what fails is told to the client. */
export function serveExec(socket: WebSocket, options: ExecStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ExecOpen,
    doing: "run the command",
    start: async ({ hostCwd, session, ...wanted }, signal) => {
      const cwd = wanted.cwd ?? (hostCwd === undefined ? undefined : await options.mountedAt(hostCwd));
      const request = { ...wanted, cwd };
      if (session) return options.openSession(request, session, signal);
      return options.guest().exec({ signal }, request);
    },
  });
}

/** The same for a connection to a port of the guest. */
export function serveTunnel(socket: WebSocket, options: GuestStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: TunnelOpen,
    doing: "open the tunnel",
    start: async ({ port }, signal) => asProcess(await options.guest().connect({ signal }, port)),
  });
}

export type DisplayStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  display: (signal: AbortSignal) => Promise<Duplex>;
};

/** The same for a connection to its screen. */
export function serveDisplay(socket: WebSocket, options: DisplayStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: DisplayOpen,
    doing: "open the display",
    start: async (_open, signal) => asProcess(await options.display(signal)),
  });
}

export type ConsoleStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  console: (open: ConsoleOpen, signal: AbortSignal) => Promise<Duplex>;
};

/** The same for its serial console. */
export function serveConsole(socket: WebSocket, options: ConsoleStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ConsoleOpen,
    doing: "open the console",
    start: async (open, signal) => asProcess(await options.console(open, signal)),
  });
}

/** The same for the guest's SFTP server. */
export function serveSftp(socket: WebSocket, options: GuestStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: SftpOpen,
    doing: "open the files",
    start: async (_open, signal) => asProcess(await options.guest().sftp({ signal })),
  });
}

async function serve<T>(socket: WebSocket, options: StreamOptions, kind: Kind<T>): Promise<void> {
  const stream = new GuestStream(socket);
  const ping = setInterval(() => socket.ping(), PING_INTERVAL_MS);
  try {
    const open = await stream.readOpen(kind.open, options.openTimeoutMs ?? OPEN_TIMEOUT_MS);
    const exit = await stream.relay(await kind.start(open, stream.closed));
    stream.end({ type: "exit", ...exit });
  } catch (error) {
    const known = toPublicError(error, kind.doing, options.log);
    stream.end({ type: "error", error: known.toBody() });
  }
  await stream.ended;
  clearInterval(ping);
}

/** A connection has no signals, size or stderr, and ends well when it is closed. */
function asProcess(connection: Duplex): GuestProcess {
  const exited = deferred<{ code: number }>();
  exited.promise.catch(() => {});
  connection.on("error", (error) => exited.reject(error));
  connection.once("close", () => exited.resolve({ code: 0 }));
  return {
    ...{ stdin: connection, stdout: connection, stderr: Readable.from([]), exited: exited.promise },
    resize: () => {},
    signal: () => {},
    close: () => connection.destroy(),
  };
}

type Message = { data: Buffer; binary: boolean };

class GuestStream {
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
  async readOpen<T>(schema: Kind<T>["open"], timeoutMs: number): Promise<T> {
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

function parseText<T>(schema: { safeParse(value: unknown): SafeResult<T> }, message: Message): T {
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
