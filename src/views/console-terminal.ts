/**
 * A guest's serial console as an integrated terminal. It stays while the guest is away, says so, and is connected again
 * when the guest starts or at a key. Uses vscode's types only, so that tests run it.
 */

import type { Pseudoterminal } from "vscode";
import type { Instance, InstanceState } from "../api/instance.ts";
import { type EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { consoleEnd } from "../client/console-text.ts";
import type { EngineClient, RemoteConnection } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { CLEAR_LINE, CTRL_C, CTRL_D, DIM, RED, YELLOW } from "./guest-screen.ts";
import { l10n } from "./l10n.ts";
import type { Model } from "./model.ts";

export type ConsoleTerminalOptions = {
  instance: Pick<Instance, "id" | "name">;
  /** Connects to the engine, again after a loss. */
  client: () => Promise<EngineClient>;
  model: Pick<Model, "get" | "onDidChange">;
};

/** What a key means now: to the guest, or to us. */
type Phase = "opening" | "open" | "away" | "closed";

/** States of one that runs, or is about to. */
const COMES: ReadonlySet<InstanceState> = new Set(["creating", "starting", "restarting", "running"]);

export class ConsoleTerminal implements Pseudoterminal {
  readonly #options: ConsoleTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<void>();
  #phase: Phase = "opening";
  #console: RemoteConnection | undefined;
  #session = new AbortController();
  /** The run that was watched, or tried to, last. */
  #known: string | undefined;
  #listener = { dispose: () => {} };

  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;

  constructor(options: ConsoleTerminalOptions) {
    this.#options = options;
  }

  get instance(): string {
    return this.#options.instance.id;
  }

  open(): void {
    this.#listener = this.#options.model.onDidChange(() => {
      if (this.#phase === "open") this.#known = this.#runNow();
      else if (this.#phase === "away") this.#comeBack();
    });
    void this.#run();
  }

  close(): void {
    this.#phase = "closed";
    this.#listener.dispose();
    this.#session.abort();
    this.#console?.close();
    for (const emitter of [this.#write, this.#close]) emitter.dispose();
  }

  handleInput(data: string): void {
    if (this.#phase === "open") this.#console?.stdin.write(data);
    else if (this.#phase === "opening") {
      if (data === CTRL_C) this.#session.abort();
    } else if (data === CTRL_D || data === CTRL_C) this.#close.fire();
    else if (this.#phase === "away") void this.#run();
  }

  /** By the name that it has now. */
  get #name(): string {
    const { id, name } = this.#options.instance;
    return this.#options.model.get(id)?.name ?? name;
  }

  /** From connecting to the end of the guest's run, and on from there where that begins anew. Never rejects. */
  async #run(): Promise<void> {
    for (let again = true; again; ) again = await this.#watch();
  }

  /** Resolves with whether it shall be connected again at once. */
  async #watch(): Promise<boolean> {
    this.#phase = "opening";
    const session = new AbortController();
    this.#session = session;
    const name = this.#name;
    this.#known = this.#runNow();
    this.#write.fire(DIM(l10n.t("Waiting for the serial console of {0}…", name)));
    try {
      const client = await this.#options.client();
      session.signal.throwIfAborted();
      const console = await client.console(name, {}, { signal: session.signal });
      this.#begin(console, name);
      await console.exited;
      return await this.#ended(client, name);
    } catch (error) {
      return this.#failed(toEngineError(error, `open the console of ${name}`));
    } finally {
      this.#console = undefined;
    }
  }

  #begin(console: RemoteConnection, name: string): void {
    this.#console = console;
    this.#phase = "open";
    this.#write.fire(
      `${CLEAR_LINE}${DIM(l10n.t("This is the serial console of {0}. Press Enter if it is quiet.", name))}\r\n`,
    );
    const decoder = new TextDecoder();
    console.stdout.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== "") this.#write.fire(text);
    });
    for (const stream of [console.stdout, console.stdin]) stream.on("error", () => {}); // `exited` tells.
  }

  async #ended(client: EngineClient, name: string): Promise<boolean> {
    const instance = await client.api.instances.get({ name }).catch(() => undefined);
    const { words, comesBack } = consoleEnd(name, instance);
    if (this.#phase === "closed") return false;
    this.#say(YELLOW(words));
    if (!comesBack) this.#wait();
    return comesBack;
  }

  /** An engine that has left comes back, or another one is started: the guest has noticed nothing. */
  #failed(error: EngineError): boolean {
    if (this.#phase === "closed") return false;
    const wasOpen = this.#phase === "open";
    if (wasOpen && error.code === "engine-unavailable") {
      this.#say(YELLOW(l10n.t("The connection to the engine was lost.")));
      return true;
    }
    if (!wasOpen) this.#write.fire(CLEAR_LINE);
    this.#say(error.code === "cancelled" ? YELLOW(l10n.t("Cancelled.")) : RED(sentences(error)));
    this.#wait();
    return false;
  }

  #wait(): void {
    this.#phase = "away";
    this.#write.fire(
      DIM(`${l10n.t("It is connected when the instance starts, or at a key; Ctrl+D closes.")}\r\n`),
    );
    this.#comeBack();
  }

  /** Connects where another run than the known one is there or about to be: once for each. */
  #comeBack(): void {
    const now = this.#runNow();
    if (now !== undefined && now !== this.#known) void this.#run();
  }

  /** The instance's run by when it began, or by the state that leads to it; undefined where there is none. */
  #runNow(): string | undefined {
    const instance = this.#options.model.get(this.instance);
    return instance && COMES.has(instance.state) ? (instance.startedAt ?? instance.state) : undefined;
  }

  /** On a line of its own, in plain colours whatever the guest has left behind. */
  #say(text: string): void {
    this.#write.fire(`\x1b[0m\r\n${text}\r\n`);
  }
}
