/** A process in a guest, or whatever else a byte stream is joined to, over one WebSocket, as `api/streams.ts` describes it; back-pressure in both directions. */
import { Readable, Writable } from "node:stream";
import { decodeFrame, encodeFrame } from "../api/frames.ts";
import type { SignalName, StreamControl, TerminalSize } from "../api/streams.ts";
import { type Deferred, deferred } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import type { RemoteProcess } from "./engine-client.ts";
import type { WebSocket } from "./web-socket.ts";
import { decodeError, fromSystem } from "./wire.ts";

/** One frame of input: as much as a pipe gives at once. */
const INPUT_CHUNK_BYTES = 64 * 2 ** 10;
/** Output that waits for its reader before the engine is told to wait. */
const OUTPUT_BUFFER_BYTES = 256 * 2 ** 10;

type Exit = { code?: number; signal?: string };

export class SocketProcess implements RemoteProcess {
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
    socket.on("message", (data, binary) => this.#onMessage(data, binary));
    socket.once("refused", (status, body) =>
      this.fail(refusal(body) ?? new EngineError("internal", `the engine answered ${status}`)),
    );
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
    if (this.#socket.isOpen) this.#socket.send(JSON.stringify(control));
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
    const open = this.#socket.isOpen;
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
