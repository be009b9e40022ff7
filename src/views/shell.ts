/**
 * A process in a guest as an integrated terminal. Starts the instance when it is stopped, follows the window's size,
 * and when the connection is lost says so and offers to come back. Uses vscode's types only, so that tests run it.
 */
import type { Pseudoterminal, TerminalDimensions } from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Progress } from "../api/operation.ts";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { capitalised, longProgressText } from "./phrases.ts";

export type GuestTerminalOptions = {
  /** Name of the instance. */
  instance: string;
  /** Connects to the engine, again after a loss. */
  client: () => Promise<EngineClient>;
  /** What to run; absent: the user's login shell. */
  command?: string | undefined;
};

const CLEAR_LINE = "\r\x1b[K";
const DIM = (text: string) => `\x1b[2m${text}\x1b[0m`;
const RED = (text: string) => `\x1b[31m${text}\x1b[0m`;
const YELLOW = (text: string) => `\x1b[33m${text}\x1b[0m`;
const CTRL_C = "\x03";
const CTRL_D = "\x04";

/** What a key means now: to the guest, or to the question at the end. */
type Phase = "opening" | "open" | "lost" | "ended";

export class GuestTerminal implements Pseudoterminal {
  readonly #options: GuestTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<number | undefined>();
  readonly #rename = new Emitter<string>();
  #size: TerminalSize = { cols: 80, rows: 24 };
  #phase: Phase = "opening";
  #process: RemoteProcess | undefined;
  #session = new AbortController();
  #exitCode = 0;

  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  readonly onDidChangeName = this.#rename.event;

  constructor(options: GuestTerminalOptions) {
    this.#options = options;
  }

  open(size: TerminalDimensions | undefined): void {
    if (size) this.setDimensions(size);
    void this.#run();
  }

  close(): void {
    this.#session.abort();
    this.#process?.close();
    for (const emitter of [this.#write, this.#close, this.#rename]) emitter.dispose();
  }

  setDimensions({ columns, rows }: TerminalDimensions): void {
    const cols = Math.max(1, columns);
    this.#size = { cols, rows: Math.max(1, rows) };
    this.#process?.resize(this.#size);
  }

  handleInput(data: string): void {
    if (this.#phase === "open") this.#process?.stdin.write(data);
    else if (this.#phase === "opening") this.#inputWhileOpening(data);
    else if (this.#phase === "lost") this.#inputWhenLost(data);
    else this.#close.fire(this.#exitCode);
  }

  #inputWhileOpening(data: string): void {
    if (data === CTRL_C) this.#session.abort();
  }

  #inputWhenLost(data: string): void {
    if (data === "\r") void this.#run();
    else if (data === CTRL_D || data === CTRL_C) this.#close.fire(undefined);
  }

  /** One session, from connecting to its end. Never rejects. */
  async #run(): Promise<void> {
    this.#phase = "opening";
    const session = new AbortController();
    this.#session = session;
    try {
      const client = await this.#options.client();
      session.signal.throwIfAborted();
      await this.#ensureRunning(client, session.signal);
      const process = await client.exec(this.#options.instance, this.#request(), { signal: session.signal });
      this.#process = process;
      this.#phase = "open";
      process.resize(this.#size);
      this.#pipe(process);
      const exit = await process.exited;
      this.#ended(exit);
    } catch (error) {
      this.#failed(toEngineError(error, `open a shell in ${this.#options.instance}`));
    } finally {
      this.#process = undefined;
    }
  }

  #request(): ExecOpen {
    const { command } = this.#options;
    return {
      tty: this.#size,
      term: "xterm-256color",
      ...(command === undefined ? {} : { argv: ["sh", "-c", command] }),
    };
  }

  /** As `berth shell` does: a stopped instance is started first. */
  async #ensureRunning(client: EngineClient, signal: AbortSignal): Promise<void> {
    const name = this.#options.instance;
    const instance = await client.api.instances.get({ name }, { signal });
    const doing = workFor(instance);
    if (doing === "none") return;
    const operation =
      doing === "start"
        ? await client.api.instances.start({ name }, { signal })
        : await client.api.operations.get({ id: doing.follow }, { signal });
    this.#write.fire(DIM(`Starting ${name}…`));
    const onProgress = (progress: Progress) =>
      this.#write.fire(CLEAR_LINE + DIM(`Starting ${name}: ${longProgressText(progress)}`));
    await client.watchOperation(operation, doing === "start" ? { onProgress, signal } : { onProgress });
    this.#write.fire(CLEAR_LINE);
  }

  #pipe(process: RemoteProcess): void {
    for (const stream of [process.stdout, process.stderr]) {
      const decoder = new TextDecoder();
      stream.on("data", (chunk: Uint8Array) => {
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") this.#write.fire(text);
      });
      stream.on("error", () => {}); // `exited` tells.
    }
    process.stdin.on("error", () => {});
  }

  #ended({ code, signal }: { code?: number; signal?: string }): void {
    this.#exitCode = code ?? (signal === undefined ? 0 : 128);
    if (this.#options.command === undefined) {
      this.#phase = "ended";
      this.#close.fire(undefined);
      return;
    }
    const how = signal === undefined ? `exit code ${this.#exitCode}` : `ended by signal ${signal}`;
    const colour = this.#exitCode === 0 ? DIM : RED;
    this.#write.fire(`\r\n${colour(`[${how}]`)} ${DIM("Press any key to close the terminal.")}\r\n`);
    this.#phase = "ended";
  }

  #failed(error: EngineError): void {
    const wasOpen = this.#phase === "open";
    this.#phase = "lost";
    const what = wasOpen
      ? YELLOW(`The connection to ${this.#options.instance} was lost.`)
      : error.code === "cancelled"
        ? YELLOW("Cancelled.")
        : RED(sentences(error));
    const reason = wasOpen && error.code !== "cancelled" ? `\r\n${DIM(capitalised(error.message))}` : "";
    this.#write.fire(
      `${wasOpen ? "\r\n" : CLEAR_LINE}${what}${reason}\r\n${DIM("Press Enter to try again, Ctrl+D to close.")}\r\n`,
    );
  }
}

/** What has to happen before a shell can be opened. Throws where nothing can help. Pure. */
export function workFor(
  instance: Pick<Instance, "name" | "state" | "operation">,
): "none" | "start" | { follow: string } {
  const { name, state, operation } = instance;
  if (state === "running" && operation === undefined) return "none";
  if (state === "running" || state === "creating" || state === "starting" || state === "restarting") {
    return operation === undefined ? "none" : { follow: operation };
  }
  if (state === "stopped" || state === "suspended") return "start";
  const hint =
    state === "deleted"
      ? `Recover ${name} first.`
      : state === "stopping"
        ? "Wait until it has stopped."
        : undefined;
  throw new EngineError("wrong-state", `cannot open a shell in ${name}: it is ${state}`, { hint });
}
