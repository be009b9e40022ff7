/**
 * A process in a guest as an integrated terminal. Starts the instance when it is stopped, follows the window's size,
 * and when the connection is lost says so and offers to come back. Uses vscode's types only, so that tests run it.
 */

import type { Pseudoterminal, TerminalDimensions } from "vscode";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import { type EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import {
  bringUp,
  CLEAR_LINE,
  CLEAR_SCREEN,
  CTRL_C,
  CTRL_D,
  DIM,
  RED,
  relayOutput,
  YELLOW,
} from "./guest-screen.ts";
import { l10n } from "./l10n.ts";
import { capitalised } from "./phrases.ts";
import type { ShellSession } from "./shell-session.ts";

export type GuestTerminalOptions = {
  /** Name of the instance. */
  instance: string;
  /** Connects to the engine, again after a loss. */
  client: () => Promise<EngineClient>;
  /** What to run; absent: the user's login shell. */
  command?: string | undefined;
  /** Outlives the terminal. Only for shells. */
  session?: ShellSession;
};

/** Characters; somebody who pastes more than this before anything answers waits for the prompt. */
const MOST_TYPED_AHEAD = 4096;

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
  #typedAhead = "";

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

  /** What is typed ahead is the shell's, once it is there. */
  #inputWhileOpening(data: string): void {
    if (data === CTRL_C) this.#session.abort();
    else if (this.#typedAhead.length < MOST_TYPED_AHEAD) this.#typedAhead += data;
  }

  #inputWhenLost(data: string): void {
    if (data === "\r") void this.#run();
    else if (data === CTRL_D || data === CTRL_C) this.#close.fire(undefined);
  }

  /** One session, from connecting to its end. Never rejects. */
  async #run(): Promise<void> {
    this.#phase = "opening";
    this.#typedAhead = "";
    const session = new AbortController();
    this.#session = session;
    try {
      const process = await this.#opened(session.signal);
      if (session.signal.aborted) process.close();
      session.signal.throwIfAborted();
      this.#process = process;
      this.#phase = "open";
      process.resize(this.#size);
      relayOutput(process, (text) => this.#write.fire(text));
      if (this.#typedAhead !== "") process.stdin.write(this.#typedAhead);
      const exit = await process.exited;
      this.#ended(exit);
    } catch (error) {
      this.#failed(toEngineError(error, `open a shell in ${this.#options.instance}`));
    } finally {
      this.#process = undefined;
    }
  }

  async #opened(signal: AbortSignal): Promise<RemoteProcess> {
    const { instance, session } = this.#options;
    const joined = session?.takeJoined();
    if (joined) return joined;
    const client = await this.#options.client();
    signal.throwIfAborted();
    await bringUp(client, instance, { signal, say: (text) => this.#write.fire(text) });
    if (!session) return client.exec(instance, this.#request(), { signal });
    return session.open(client, instance, this.#request(), {
      signal,
      say: (isNew) =>
        this.#write.fire(
          isNew ? `${DIM(l10n.t("That shell has ended. This is a new one."))}\r\n` : CLEAR_SCREEN,
        ),
    });
  }

  #request(): ExecOpen {
    const { command } = this.#options;
    return {
      tty: this.#size,
      term: "xterm-256color",
      ...(command === undefined ? {} : { argv: ["sh", "-c", command] }),
    };
  }

  #ended(exit: { code?: number; signal?: string }): void {
    this.#exitCode = exitCodeOf(exit);
    this.#options.session?.end();
    if (this.#options.command === undefined) {
      this.#phase = "ended";
      this.#close.fire(undefined);
      return;
    }
    const { signal } = exit;
    const how =
      signal === undefined
        ? l10n.t("exit code {0}", this.#exitCode ?? "")
        : l10n.t("ended by signal {0}", signal);
    const colour = this.#exitCode === 0 ? DIM : RED;
    this.#write.fire(`\r\n${colour(`[${how}]`)} ${DIM(l10n.t("Press any key to close the terminal."))}\r\n`);
    this.#phase = "ended";
  }

  #failed(error: EngineError): void {
    const wasOpen = this.#phase === "open";
    this.#phase = "lost";
    const what = wasOpen
      ? YELLOW(l10n.t("The connection to {0} was lost.", this.#options.instance))
      : error.code === "cancelled"
        ? YELLOW(l10n.t("Cancelled."))
        : RED(sentences(error));
    const reason = wasOpen && error.code !== "cancelled" ? `\r\n${DIM(capitalised(error.message))}` : "";
    this.#write.fire(
      `${wasOpen ? "\r\n" : CLEAR_LINE}${what}${reason}\r\n${DIM(l10n.t("Press Enter to try again, Ctrl+D to close."))}\r\n`,
    );
  }
}
