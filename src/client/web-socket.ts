/**
 * The client's half of a WebSocket, as much of it as the engine's streams need. A library for it takes all of Node's HTTP
 * and cryptography, and longer to load than a short command in a guest to run.
 */
import { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";
import { MAX_FRAME_BYTES } from "../api/frames.ts";
import { EngineError } from "../base/errors.ts";
import { FrameReader, frameHead, OPCODE } from "./web-socket-frames.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 64 * 2 ** 10;
/** Keys keep caches from answering, and there are none here: this one is always the same, and so is the answer to it. */
const KEY = "YmVydGgtYnl0ZS1zdHJlYQ==";
const ACCEPT = "nmEcIdqM+ofJV4LkOXD4iwjx2lg=";

type Events = {
  open: [];
  message: [data: Buffer, binary: boolean];
  /** The engine will not open it: its HTTP status, and the body of that. `close` follows. */
  refused: [status: number, body: string];
  /** `close` follows. */
  error: [error: unknown];
  close: [];
};

export class WebSocket extends EventEmitter<Events> {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(MAX_FRAME_BYTES);
  readonly #deadline: NodeJS.Timeout;
  /** What has come of the answer; undefined once it is open. */
  #answer: Buffer | undefined = Buffer.alloc(0);

  /** `endpoint` is a Unix socket or a named pipe. */
  constructor(endpoint: string, path: string, headers: Readonly<Record<string, string>>) {
    super();
    this.#deadline = setTimeout(() => this.#fail(noAnswer()), HANDSHAKE_TIMEOUT_MS);
    this.#socket = connect(endpoint);
    this.#socket.write(requestHead(path, headers));
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.once("end", () => this.#onEnd());
    this.#socket.on("error", (error) => this.emit("error", error));
    this.#socket.once("close", () => {
      clearTimeout(this.#deadline);
      this.emit("close");
    });
  }

  get isOpen(): boolean {
    return this.#answer === undefined && this.#socket.writable;
  }

  /** One message of these parts. `done` is called when it has left, or will not. */
  send(parts: readonly Uint8Array[], kind: "text" | "binary", done?: () => void): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#socket.cork();
    this.#socket.write(frameHead(OPCODE[kind], length));
    for (const [at, part] of parts.entries()) {
      if (at < parts.length - 1) this.#socket.write(part);
      else this.#socket.write(part, () => done?.());
    }
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  terminate(): void {
    this.#socket.destroy();
  }

  #fail(error: unknown): void {
    this.emit("error", error);
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    try {
      if (this.#answer === undefined) this.#onFrames(chunk);
      else this.#onAnswer(Buffer.concat([this.#answer, chunk]));
    } catch (error) {
      this.#fail(error);
    }
  }

  #onAnswer(answer: Buffer): void {
    this.#answer = answer;
    const end = answer.indexOf("\r\n\r\n");
    if (end < 0 && answer.length > MAX_HEAD_BYTES) throw noAnswer();
    const head = answer.toString("latin1", 0, end);
    if (end < 0 || !head.startsWith("HTTP/1.1 101 ")) return; // What it says instead ends with the connection.
    if (!head.includes(ACCEPT)) throw noAnswer();
    clearTimeout(this.#deadline);
    this.#answer = undefined;
    this.emit("open");
    this.#onFrames(answer.subarray(end + 4));
  }

  #onFrames(chunk: Buffer): void {
    for (const { opcode, payload } of this.#frames.push(chunk)) {
      if (opcode === OPCODE.text || opcode === OPCODE.binary)
        this.emit("message", payload, opcode === OPCODE.binary);
      else if (opcode === OPCODE.close)
        this.#socket.end(Buffer.concat([frameHead(opcode, payload.length), payload]));
      else if (opcode === OPCODE.ping)
        this.#socket.write(Buffer.concat([frameHead(OPCODE.pong, payload.length), payload]));
    }
  }

  #onEnd(): void {
    const [head = "", body = ""] = this.#answer?.toString("utf8").split(/\r\n\r\n(.*)/s) ?? [];
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
    if (status !== undefined) this.emit("refused", Number(status), body);
  }
}

function requestHead(path: string, headers: Readonly<Record<string, string>>): string {
  const all = {
    ...headers,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

function noAnswer(): EngineError {
  return new EngineError("timed-out", "cannot open a stream: the engine does not answer as it should", {
    hint: "Try again: it may be busy, or be replaced by another one.",
  });
}
