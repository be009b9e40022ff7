/**
 * What a program prints, as an integrated terminal that is only read: what there is and what comes, until its end.
 * Uses vscode's types only, so that tests run it.
 */
import type { Pseudoterminal } from "vscode";
import { type EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import type { EngineClient, RemoteConnection } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { CTRL_C, CTRL_D, DIM, RED, YELLOW } from "./guest-screen.ts";
import { l10n } from "./l10n.ts";

export type OutputTerminalOptions = {
  /** What is printed; a second terminal of the same would only show the same. */
  subject: string;
  client: () => Promise<EngineClient>;
  open: (client: EngineClient, signal: AbortSignal) => Promise<RemoteConnection>;
  /** What could not be done, where it fails: `read the logs of web`. */
  doing: string;
  /** Said when it has ended, and what a key does then. */
  ended: string;
  again: string;
};

export class OutputTerminal implements Pseudoterminal {
  readonly #options: OutputTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<void>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  /** Ends the following; aborted while nothing is followed. */
  #following = new AbortController();
  #closed = false;

  constructor(options: OutputTerminalOptions) {
    this.#options = options;
    this.#following.abort();
  }

  get subject(): string {
    return this.#options.subject;
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
    else this.again();
  }

  /** Reads it anew, where it has ended. */
  again(): void {
    if (this.#following.signal.aborted) void this.#follow();
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { client, open, doing, ended } = this.#options;
    const following = new AbortController();
    this.#following = following;
    try {
      const output = await open(await client(), following.signal);
      const decoder = new TextDecoder();
      output.stdin.end();
      output.stdout.on("error", () => {}); // `exited` tells.
      output.stdout.on("data", (chunk: Uint8Array) => this.#print(decoder.decode(chunk, { stream: true })));
      await output.exited;
      this.#end(YELLOW(ended));
    } catch (error) {
      if (!this.#closed) this.#end(this.#reason(toEngineError(error, doing)));
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
    this.#write.fire(`\x1b[0m\r\n${words}\r\n${DIM(this.#options.again)}\r\n`);
  }
}
