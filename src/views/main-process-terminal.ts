/**
 * The main process of a container as an integrated terminal: to close it does nothing to that process. It has no keys that
 * leave, since the editor takes those of Docker and Podman for itself. Uses vscode's types only, so that tests run it.
 */

import type { Pseudoterminal, TerminalDimensions } from "vscode";
import type { AttachOpen, TerminalSize } from "../api/streams.ts";
import { toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { CTRL_C, CTRL_D, DIM, RED, relayOutput, YELLOW } from "./guest-screen.ts";
import { l10n } from "./l10n.ts";

export type MainProcessTerminalOptions = {
  /** Name of the instance. */
  instance: string;
  /** Connects to the engine, again after a loss. */
  client: () => Promise<EngineClient>;
};

/** What a key means now: to the process, or to us. */
type Phase = "opening" | "open" | "ended";
/** What its container was made with. */
type Kind = { tty: boolean; interactive: boolean };

export class MainProcessTerminal implements Pseudoterminal {
  readonly #options: MainProcessTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<void>();
  #size: TerminalSize = { cols: 80, rows: 24 };
  #phase: Phase = "opening";
  #kind: Kind = { tty: false, interactive: false };
  #main: RemoteProcess | undefined;
  #session = new AbortController();
  #closed = false;

  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;

  constructor(options: MainProcessTerminalOptions) {
    this.#options = options;
  }

  get instance(): string {
    return this.#options.instance;
  }

  open(size: TerminalDimensions | undefined): void {
    if (size) this.setDimensions(size);
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#session.abort();
    this.#main?.close();
    for (const emitter of [this.#write, this.#close]) emitter.dispose();
  }

  setDimensions({ columns, rows }: TerminalDimensions): void {
    this.#size = { cols: Math.max(1, columns), rows: Math.max(1, rows) };
    this.#main?.resize(this.#size);
  }

  handleInput(data: string): void {
    if (this.#phase === "open") this.#typed(data);
    else if (data === CTRL_C || data === CTRL_D) this.#close.fire();
    else this.again();
  }

  /** Joins it anew, where it has ended or was lost. */
  again(): void {
    if (this.#phase === "ended") void this.#run();
  }

  /** Where the process has no terminal, this is one for it: lines are seen as they are typed, and Ctrl-C is a signal. */
  #typed(data: string): void {
    const { tty, interactive } = this.#kind;
    if (tty) this.#main?.stdin.write(data);
    else if (data === CTRL_C) this.#main?.signal("INT");
    else if (interactive) {
      const text = data.replaceAll("\r", "\n");
      this.#print(text);
      this.#main?.stdin.write(text);
    }
  }

  /** From joining it to its end. Never rejects. */
  async #run(): Promise<void> {
    const { instance } = this.#options;
    this.#phase = "opening";
    const session = new AbortController();
    this.#session = session;
    try {
      const main = await this.#opened(session.signal);
      relayOutput(main, (text) => this.#print(text));
      const exit = await main.exited;
      const code = exit.code ?? exit.signal;
      if (code === undefined)
        this.#end(YELLOW(l10n.t("{0} has let go of this terminal, and runs on.", instance)));
      else this.#end(YELLOW(l10n.t("{0} has ended with exit code {1}.", instance, exitCodeOf(exit))));
    } catch (error) {
      this.#end(RED(sentences(toEngineError(error, `attach to ${instance}`))));
    } finally {
      this.#main = undefined;
    }
  }

  async #opened(signal: AbortSignal): Promise<RemoteProcess> {
    const { instance } = this.#options;
    const client = await this.#options.client();
    const { container } = await client.api.instances.get({ name: instance }, { signal });
    const { tty = false, interactive = false } = container ?? {};
    this.#kind = { tty, interactive };
    const open: AttachOpen = { stdin: interactive, ...(tty ? { size: this.#size } : {}) };
    const main = await client.attach(instance, open, { signal });
    this.#main = main;
    this.#phase = "open";
    const hint = tty
      ? l10n.t("This is the main process of {0}. It runs on when this terminal is closed.", instance)
      : l10n.t(
          "This is the main process of {0}. It runs on when this terminal is closed; Ctrl+C interrupts it.",
          instance,
        );
    this.#write.fire(`${DIM(hint)}\r\n`);
    return main;
  }

  /** A terminal goes down a line, and not to its begin, at a mere line feed. */
  #print(text: string): void {
    if (!this.#closed) this.#write.fire(this.#kind.tty ? text : text.replace(/\r?\n/g, "\r\n"));
  }

  /** On a line of its own, in plain colours whatever the process has left behind. */
  #end(words: string): void {
    this.#phase = "ended";
    if (this.#closed) return;
    this.#write.fire(`\x1b[0m\r\n${words}\r\n${DIM(l10n.t("A key attaches anew; Ctrl+D closes."))}\r\n`);
  }
}
