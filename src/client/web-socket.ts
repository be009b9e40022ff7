/**
 * The client's end of a WebSocket to the engine. Frames are ws's; the handshake is ours: with its own, ws takes all of
 * Node's HTTP and cryptography, which load longer than a short command runs in a guest.
 */
import { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";
import { Receiver, Sender } from "ws";
import { MAX_FRAME_BYTES } from "../api/frames.ts";
import { EngineError } from "../base/errors.ts";

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
  readonly #receiver = new Receiver({ maxPayload: MAX_FRAME_BYTES });
  readonly #sender: Sender;
  readonly #deadline: NodeJS.Timeout;
  /** What has come of the answer; undefined once it is open. */
  #answer: Buffer | undefined = Buffer.alloc(0);

  /** `endpoint` is a Unix socket or a named pipe. */
  constructor(endpoint: string, path: string, headers: Readonly<Record<string, string>>) {
    super();
    this.#deadline = setTimeout(() => this.#fail(noAnswer()), HANDSHAKE_TIMEOUT_MS);
    this.#socket = connect(endpoint);
    // Masks keep proxies from being misled, and there are none here; with this one, bytes stay as they are (ws knows it).
    this.#sender = new Sender(this.#socket, undefined, (mask) => void mask.fill(0));
    this.#socket.write(requestHead(path, headers));
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.once("end", () => this.#onEnd());
    this.#socket.on("error", (error) => this.emit("error", error));
    this.#socket.once("close", () => {
      clearTimeout(this.#deadline);
      this.emit("close");
    });
    this.#receive();
  }

  get isOpen(): boolean {
    return this.#answer === undefined && this.#socket.writable;
  }

  /** One message. `done` is called when it has left, or will not. */
  send(data: Uint8Array | string, done?: () => void): void {
    const binary = typeof data !== "string";
    this.#sender.send(data, { fin: true, binary, compress: false, mask: true }, () => done?.());
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

  #receive(): void {
    const receiver = this.#receiver;
    receiver.on("message", (data, binary) => this.emit("message", data, binary));
    receiver.on("ping", (data) => this.#sender.pong(data, true));
    receiver.on("conclude", (code, reason) => {
      const said = code === NO_CODE ? undefined : code;
      this.#sender.close(said, reason, true);
      this.#socket.end();
    });
    receiver.on("error", (error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.emit("error", error);
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#answer === undefined) this.#receiver.write(chunk);
    else this.#onAnswer(Buffer.concat([this.#answer, chunk]));
  }

  #onAnswer(answer: Buffer): void {
    this.#answer = answer;
    const end = answer.indexOf("\r\n\r\n");
    const head = answer.toString("latin1", 0, end < 0 ? answer.length : end);
    const opens = head.startsWith("HTTP/1.1 101 ");
    if (end < 0 ? answer.length > MAX_HEAD_BYTES : opens && !head.includes(ACCEPT)) this.#fail(noAnswer());
    else if (end >= 0 && opens) this.#open(answer.subarray(end + 4)); // What it says instead ends with the connection.
  }

  #open(rest: Buffer): void {
    clearTimeout(this.#deadline);
    this.#answer = undefined;
    this.emit("open");
    if (rest.length > 0) this.#receiver.write(rest);
  }

  #onEnd(): void {
    const [head = "", body = ""] = this.#answer?.toString("utf8").split(/\r\n\r\n(.*)/s) ?? [];
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
    if (status !== undefined) this.emit("refused", Number(status), body);
  }
}

/** What ws tells for a goodbye without a code, which may not be sent (RFC 6455, section 7.4.1). */
const NO_CODE = 1005;

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
