/**
 * A task's process in a guest as a pseudoterminal: its output as it comes, so that problem matchers see what they would
 * see on this host, and its exit code. Closing it ends the process. Uses vscode's types only, so that tests run it.
 */

import type { Pseudoterminal, TerminalDimensions } from "vscode";
import type { Instance } from "../api/instance.ts";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import { EngineError, ERROR_CODES, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { sentences } from "./error-text.ts";
import { bringUp, CLEAR_LINE, CTRL_C, DIM, RED, relayOutput } from "./guest-screen.ts";
import { l10n } from "./l10n.ts";
import {
  execOf,
  type GuestTask,
  type HostFolder,
  instanceFor,
  isMountedIn,
  readTask,
  type TaskWords,
} from "./task-definition.ts";

export type TaskTerminalOptions = {
  /** Its variables are resolved. */
  words: TaskWords;
  /** Undefined where the task belongs to no folder of this host. */
  folder: () => Promise<HostFolder | undefined>;
  client: () => Promise<EngineClient>;
  /** The name of the primary instance; empty where there is none. */
  primary: () => Promise<string>;
};

const CANCELLED_EXIT = exitCodeOf({ signal: "INT" });

export class TaskTerminal implements Pseudoterminal {
  readonly #options: TaskTerminalOptions;
  readonly #write = new Emitter<string>();
  readonly #close = new Emitter<number>();
  readonly #ending = new AbortController();
  #size: TerminalSize = { cols: 80, rows: 24 };
  #process: RemoteProcess | undefined;

  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;

  constructor(options: TaskTerminalOptions) {
    this.#options = options;
  }

  open(size: TerminalDimensions | undefined): void {
    if (size) this.setDimensions(size);
    void this.#run();
  }

  close(): void {
    this.#ending.abort();
    this.#process?.close();
    for (const emitter of [this.#write, this.#close]) emitter.dispose();
  }

  setDimensions({ columns, rows }: TerminalDimensions): void {
    this.#size = { cols: Math.max(1, columns), rows: Math.max(1, rows) };
    this.#process?.resize(this.#size);
  }

  handleInput(data: string): void {
    if (this.#process) this.#process.stdin.write(data);
    else if (data === CTRL_C) this.#ending.abort();
  }

  /** Never rejects: what fails is told, and ends the task as `berth exec` would end. */
  async #run(): Promise<void> {
    try {
      this.#close.fire(exitCodeOf(await this.#exit()));
    } catch (error) {
      if (this.#ending.signal.aborted) return this.#close.fire(CANCELLED_EXIT);
      const known = toEngineError(error, "run the task");
      this.#say(`${CLEAR_LINE}${RED(sentences(known))}\r\n`);
      this.#close.fire(ERROR_CODES[known.code].exit);
    } finally {
      this.#process = undefined;
    }
  }

  async #exit(): Promise<{ code?: number; signal?: string }> {
    const { signal } = this.#ending;
    const task = readTask(this.#options.words);
    const [client, folder] = await Promise.all([this.#options.client(), this.#options.folder()]);
    signal.throwIfAborted();
    const instance = await this.#instance(client, task, folder);
    const open = execOf(task, instance, folder);
    if (open.hostCwd !== undefined && folder && task.cwd === undefined && !isMountedIn(instance, folder))
      this.#say(
        `${DIM(l10n.t("{0} is not mounted in {1}: this runs in the user's home.", folder.path, instance.name))}\r\n`,
      );
    const process = await client.exec(instance.name, this.#onTerminal(open), { signal });
    this.#process = process;
    process.resize(this.#size);
    relayOutput(process, (text) => this.#say(text));
    return process.exited;
  }

  /** The instance, running. */
  async #instance(
    client: EngineClient,
    task: GuestTask,
    folder: HostFolder | undefined,
  ): Promise<Pick<Instance, "name" | "mounts">> {
    const { signal } = this.#ending;
    const { items: instances } = await client.api.instances.list(undefined, { signal });
    const name = task.instance ?? instanceFor(folder, { instances, primary: await this.#options.primary() });
    const known = instances.find((one) => one.name === name);
    if (!task.start && known && known.state !== "running") {
      throw new EngineError("wrong-state", `cannot run the task: ${name} is ${known.state}`, {
        hint: "Start it, or leave out start: false in tasks.json.",
      });
    }
    await bringUp(client, name, { signal, say: (text) => this.#say(text), purpose: "run the task" });
    return client.api.instances.get({ name }, { signal });
  }

  #onTerminal(open: ExecOpen): ExecOpen {
    return { ...open, tty: this.#size, term: "xterm-256color" };
  }

  #say(text: string): void {
    this.#write.fire(text);
  }
}
