/** A process in a guest, or a connection to one of its ports, its screen, its console, its files or its logs, over one WebSocket, as `api/streams.ts` describes it; back-pressure in both directions. */
import { connect } from "node:net";
import { Readable, Writable } from "node:stream";
import type { ClientOptions, RawData, WebSocket } from "ws";
import {
  BUILD_PATH,
  COMPOSE_PATH,
  decodeFrame,
  encodeFrame,
  FOREIGN_LOGS_PATH,
  MAX_FRAME_BYTES,
  streamPath,
} from "../api/frames.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../api/protocol.ts";
import type {
  BuildOpen,
  ComposeOpen,
  ConsoleOpen,
  DisplayOpen,
  ExecOpen,
  ForeignLogsOpen,
  LogsOpen,
  SftpOpen,
  SignalName,
  StreamControl,
  TerminalSize,
  TunnelOpen,
} from "../api/streams.ts";
import { type Deferred, deferred } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import type { RemoteConnection, RemoteProcess } from "./engine-client.ts";
import { type Address, abortReason, decodeError, fromSystem, headersFor } from "./http.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** One frame of input: as much as a pipe gives at once. */
const INPUT_CHUNK_BYTES = 64 * 2 ** 10;
/** Output that waits for its reader before the engine is told to wait. */
const OUTPUT_BUFFER_BYTES = 256 * 2 ** 10;

/** Resolves when the process runs. Rejects with the engine's error; aborting ends the process. */
export function openProcess(
  address: Address,
  name: string,
  open: ExecOpen,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  return openStream(address, streamPath(name, "exec"), open, signal);
}

/** Resolves when the port has taken the connection. */
export function openTunnel(
  address: Address,
  name: string,
  open: TunnelOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "tunnel"), open, signal);
}

/** Resolves when the screen has taken the connection. */
export function openDisplay(address: Address, name: string, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "display"), {}, signal);
}

/** Resolves when the guest's serial console is there; what it printed last comes first. */
export function openConsole(
  address: Address,
  name: string,
  open: ConsoleOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "console"), open, signal);
}

/** Resolves when the guest's SFTP server is there; nothing has been said to it yet. */
export function openSftp(address: Address, name: string, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "sftp"), {}, signal);
}

/** Resolves when what the container has printed is on its way. */
export function openLogs(
  address: Address,
  name: string,
  open: LogsOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "logs"), open, signal);
}

/** The same of a container that others have made. */
export function openForeignLogs(
  address: Address,
  open: ForeignLogsOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, FOREIGN_LOGS_PATH, open, signal);
}

/** Resolves when the build has begun. */
export function openBuild(address: Address, open: BuildOpen, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, BUILD_PATH, open, signal);
}

/** Resolves when compose has begun. */
export function openCompose(
  address: Address,
  open: ComposeOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, COMPOSE_PATH, open, signal);
}

async function openStream(
  address: Address,
  path: string,
  open:
    | ExecOpen
    | TunnelOpen
    | DisplayOpen
    | ConsoleOpen
    | SftpOpen
    | LogsOpen
    | ForeignLogsOpen
    | BuildOpen
    | ComposeOpen,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  signal.throwIfAborted();
  const { WebSocket } = await import("ws"); // Most commands open no stream.
  const { host: _, ...headers } = headersFor(address);
  const options: ClientOptions = {
    createConnection: () => connect(address.endpoint.path),
    headers: { ...headers, [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  };
  // As a socket's URL it passes by the proxies that VS Code puts before HTTP; `createConnection` knows the real path.
  const socket = new WebSocket(`ws+unix:engine:${path}`, options);
  const process = new SocketProcess(socket, JSON.stringify(open));
  const onAbort = () => process.fail(abortReason(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  void process.closed.then(() => signal.removeEventListener("abort", onAbort));
  await process.opened;
  return process;
}

type Exit = { code?: number; signal?: string };

class SocketProcess implements RemoteProcess {
  readonly #socket: WebSocket;
  readonly #opened = deferred<void>();
  readonly #exited = deferred<Exit>();
  readonly #closed = deferred<void>();
  /** Outputs whose reader is behind. The socket is paused while there is one. */
  readonly #behind = new Set<Readable>();
  #hasExit = false;
  readonly stdin: Writable;
  readonly stdout: Readable = this.#output();
  readonly stderr: Readable = this.#output();

  constructor(socket: WebSocket, open: string) {
    this.#socket = socket;
    this.stdin = this.#input();
    for (const { promise } of [this.#opened, this.#exited] as Deferred<unknown>[]) promise.catch(() => {});
    socket.once("open", () => socket.send(open));
    socket.on("message", (data: RawData, binary: boolean) => this.#onMessage(data as Buffer, binary));
    socket.once("unexpected-response", (_request, response) => void this.#onRefusal(response));
    socket.on("error", (error) => this.fail(error));
    socket.once("close", () => this.#onClose());
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  resize(size: TerminalSize): void {
    this.#control({ type: "resize", size });
  }

  signal(name: SignalName): void {
    this.#control({ type: "signal", signal: name });
  }

  close(): void {
    this.fail(new EngineError("cancelled", "the process was closed by its client"));
  }

  /** Ends the process with this as its result, unless it has one. */
  fail(error: unknown): void {
    const meant = fromSystem(error);
    this.#opened.reject(meant);
    this.#exited.reject(meant);
    this.#socket.terminate();
  }

  #onMessage(data: Buffer, binary: boolean): void {
    if (binary) this.#onOutput(data);
    else this.#onControl(JSON.parse(data.toString("utf8")) as StreamControl);
  }

  #onControl(control: StreamControl): void {
    if (control.type === "opened") this.#opened.resolve();
    else if (control.type === "error") {
      const error = EngineError.fromBody(control.error);
      this.#opened.reject(error);
      void this.#finish().then(() => this.fail(error));
    } else if (control.type === "exit") {
      const { code, signal } = control;
      const exit = {
        ...(code === undefined ? {} : { code }),
        ...(signal === undefined ? {} : { signal }),
      };
      void this.#finish().then(() => this.#exited.resolve(exit));
    }
  }

  #onOutput(frame: Buffer): void {
    const decoded = decodeFrame(frame);
    if (!decoded || decoded.channel === "stdin") return;
    const output = this[decoded.channel];
    if (output.push(decoded.bytes)) return;
    this.#behind.add(output);
    this.#socket.pause();
  }

  /** The exit, or the error, counts once both outputs have been read to their end. */
  async #finish(): Promise<void> {
    this.#hasExit = true;
    const ends = [this.stdout, this.stderr].map((output) => {
      const ended = new Promise<void>((resolve) => output.once("end", resolve).once("close", resolve));
      output.push(null);
      if (output.readableLength === 0 && output.readableFlowing === null) output.resume(); // Nobody has to read nothing.
      return ended;
    });
    await Promise.all(ends);
  }

  async #onRefusal(response: Readable & { statusCode?: number | undefined }): Promise<void> {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.once("close", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      this.fail(refusal(text) ?? new EngineError("internal", `the engine answered ${response.statusCode}`));
    });
  }

  #onClose(): void {
    const lost = new EngineError("engine-unavailable", "the connection to the engine was lost", {
      hint: "Try again: the engine may have been restarted.",
    });
    this.#opened.reject(lost);
    if (!this.#hasExit) {
      this.#exited.reject(lost);
      for (const output of [this.stdout, this.stderr]) output.destroy();
    }
    this.stdin.destroy();
    this.#closed.resolve();
  }

  #control(control: StreamControl): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(control));
  }

  #output(): Readable {
    const output: Readable = new Readable({
      highWaterMark: OUTPUT_BUFFER_BYTES,
      read: () => {
        if (this.#behind.delete(output) && this.#behind.size === 0) this.#socket.resume();
      },
    });
    return output;
  }

  /** What is written after the process has gone is dropped, as its exit is what matters then. */
  #input(): Writable {
    return new Writable({
      highWaterMark: OUTPUT_BUFFER_BYTES,
      write: (chunk: Buffer, _encoding, done) => this.#sendInput(chunk, () => done()),
      final: (done) => {
        this.#control({ type: "eof" });
        done();
      },
    });
  }

  #sendInput(chunk: Buffer, done: () => void): void {
    const open = this.#socket.readyState === this.#socket.OPEN;
    for (let at = 0; open && at < chunk.length; at += INPUT_CHUNK_BYTES) {
      const last = at + INPUT_CHUNK_BYTES >= chunk.length;
      const frame = encodeFrame("stdin", chunk.subarray(at, at + INPUT_CHUNK_BYTES));
      this.#socket.send(frame, last ? done : undefined);
    }
    if (!open || chunk.length === 0) done();
  }
}

function refusal(text: string): EngineError | undefined {
  try {
    return decodeError(JSON.parse(text));
  } catch {
    return undefined;
  }
}
