/**
 * What the program of a container prints, as an integrated terminal: what there is and what comes, until its run ends.
 * Uses vscode's types only, so that tests run it.
 */
import type { Pseudoterminal } from "vscode";
import { type EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { CTRL_C, CTRL_D, DIM, RED, YELLOW } from "./guest-screen.ts";
import { l10n } from "./l10n.ts";

/** As many lines as a terminal keeps by itself. */
const TAIL_LINES = 1000;

export type LogsTerminalOptions = { instance: string; client: () => Promise<EngineClient> };

export class LogsTerminal implements Pseudoterminal {
  readonly #options: LogsTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<void>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  /** Ends the following; aborted while nothing is followed. */
  #following = new AbortController();
  #closed = false;

  constructor(options: LogsTerminalOptions) {
    this.#options = options;
    this.#following.abort();
  }

  get instance(): string {
    return this.#options.instance;
  }

  open(): void {
    void this.#follow();
  }

  close(): void {
    this.#closed = true;
    this.#following.abort();
    for (const emitter of [this.#write, this.#close]) emitter.dispose();
  }

  handleInput(data: string): void {
    if (data === CTRL_D || data === CTRL_C) this.#close.fire();
    else if (this.#following.signal.aborted) void this.#follow();
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { instance, client } = this.#options;
    const following = new AbortController();
    this.#following = following;
    try {
      const { signal } = following;
      const log = await (await client()).logs(instance, { follow: true, tail: TAIL_LINES }, { signal });
      const decoder = new TextDecoder();
      log.stdin.end();
      log.stdout.on("error", () => {}); // `exited` tells.
      log.stdout.on("data", (chunk: Uint8Array) => this.#print(decoder.decode(chunk, { stream: true })));
      await log.exited;
      this.#end(YELLOW(l10n.t("{0} prints no more: it has ended.", instance)));
    } catch (error) {
      if (!this.#closed) this.#end(this.#reason(toEngineError(error, `read the logs of ${instance}`)));
    } finally {
      following.abort();
    }
  }

  /** A terminal goes down a line, and not to its begin, at a mere line feed. */
  #print(text: string): void {
    if (text !== "") this.#write.fire(text.replace(/\r?\n/g, "\r\n"));
  }

  #reason(error: EngineError): string {
    return error.code === "engine-unavailable"
      ? YELLOW(l10n.t("The connection to the engine was lost."))
      : RED(sentences(error));
  }

  /** On a line of its own, in plain colours whatever was printed. */
  #end(words: string): void {
    if (this.#closed) return;
    this.#write.fire(`\x1b[0m\r\n${words}\r\n${DIM(l10n.t("A key reads it anew; Ctrl+D closes."))}\r\n`);
  }
}
