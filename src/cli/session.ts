/** What every verb works with: the engine (connected to, or started, when first needed), the terminal, Ctrl-C. */
import path from "node:path";
import type { Operation, Progress } from "../api/operation.ts";
import type { ExecOpen } from "../api/streams.ts";
import { EngineError, messageOf, toEngineError } from "../base/errors.ts";
import { withoutControls } from "../base/plain-text.ts";
import type { EngineApi, EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { type Dialect, type Formats, formatsOf } from "./formats.ts";
import { ProgressBoard } from "./progress.ts";

export type Streams = {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
};

export class Session {
  readonly io: Streams;
  /** The name that the command answers to. */
  readonly dialect: Dialect;
  readonly formats: Formats;
  readonly #board: ProgressBoard;
  readonly #ending = new AbortController();
  #client: Promise<EngineClient> | undefined;
  #operating = 0;
  #interruptTaker: (() => void) | undefined;
  /** What the process exits with where nothing failed; a guest's command sets it. */
  exitCode = 0;
  /** The command that runs, as it is called in messages: `launch`, `image pull`. */
  verb = "berth";
  verbosity = 0;
  /** Whether the caller has said how long it may take. */
  hasDeadline = false;
  #primary: Promise<string> | undefined;

  constructor(io: Streams = process, dialect: Dialect = "berth") {
    this.io = io;
    this.dialect = dialect;
    this.formats = formatsOf(dialect);
    this.#board = new ProgressBoard(io.stderr, process.env["TERM"] === "dumb");
  }

  /** Aborts at Ctrl-C, unless a verb takes that for itself. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Ctrl-C. A second one does not wait for what the first has asked for: `leave`. */
  interrupt(): "leave" | undefined {
    if (this.#interruptTaker) this.#interruptTaker();
    else if (this.signal.aborted) return "leave";
    else this.cancel();
    return undefined;
  }

  /** From now on Ctrl-C is this function's, until the returned one is called. */
  takeInterrupts(taker: () => void): () => void {
    this.#interruptTaker = taker;
    return () => {
      this.#interruptTaker = undefined;
    };
  }

  /** Ends what runs: operations by asking the engine, questions to it at once. */
  cancel(): void {
    this.#ending.abort(new DOMException("cancelled", "AbortError"));
    if (this.#operating > 0) return;
    void this.#client?.then(
      (client) => client.dispose(),
      () => {},
    );
  }

  /** Opens a process in a running instance: at once where an engine runs, otherwise by way of `client`. */
  async exec(name: string, open: ExecOpen): Promise<RemoteProcess> {
    const { signal } = this;
    const { execDirectly } = await import("../client/direct.ts");
    const direct = this.#client ? undefined : await execDirectly(name, open, signal);
    return direct ?? (await this.client()).exec(name, open, { signal });
  }

  client(): Promise<EngineClient> {
    this.#client ??= import("../client/connect.ts").then(({ connectLate }) =>
      connectLate({ engineBundle: path.join(__dirname, "engine.js"), signal: this.signal }),
    );
    return this.#client;
  }

  /** A client of the engine that runs; undefined where none does. Never starts one. */
  async runningClient(): Promise<EngineClient | undefined> {
    const { connect } = await import("../client/connect.ts");
    this.#client ??= connect({ signal: this.signal });
    try {
      return await this.#client;
    } catch (error) {
      if (error instanceof EngineError && error.details?.["reason"] === "not-running") return undefined;
      throw error;
    }
  }

  print(text: string): void {
    this.io.stdout.write(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  }

  /** A line on stderr. What a guest or a catalog had a hand in must not move the cursor. */
  note(text: string): void {
    this.#board.say(withoutControls(text));
  }

  /** cloud-init user-data from a file, an http(s) URL, or standard input for `-`. */
  async userData(from: string): Promise<string> {
    const { readUserData } = await import("../client/user-data.ts");
    return readUserData(from, { signal: this.signal, stdin: this.io.stdin });
  }

  /** The instance that is meant where none is named; empty where the user has switched that off. */
  primaryName(): Promise<string> {
    this.#primary ??= import("../client/user-settings.ts")
      .then(({ readUserSettings }) => readUserSettings())
      .then((settings) => settings["client.primary-name"]);
    return this.#primary;
  }

  /** Shows the progress of work of this process's own. */
  track(target: string): { show(progress: Progress): void; end(): void } {
    return this.#board.begin({ target });
  }

  /**
   * Begins an operation and follows it, its progress on stderr. Ctrl-C cancels it on the engine; where the limit has
   * passed it is only left alone, and goes on.
   */
  operate(begin: (api: EngineApi) => Promise<Operation>, limit?: Limit): Promise<Operation> {
    const work = this.#operate(begin);
    if (!limit) return work;
    this.hasDeadline = true;
    work.catch(() => {}); // Its end comes after nobody waits for it any more.
    const { promise, done } = lateness(limit);
    return Promise.race([work, promise]).finally(done);
  }

  async #operate(begin: (api: EngineApi) => Promise<Operation>): Promise<Operation> {
    this.#operating += 1;
    try {
      const client = await this.client();
      return await this.#follow(client, await begin(client.api));
    } finally {
      this.#operating -= 1;
    }
  }

  /** Waits for an operation that somebody else has begun, its progress on stderr. Leaving does not cancel it. */
  async follow(id: string): Promise<void> {
    const { api } = await this.client();
    const operation = await api.operations.get({ id });
    const row = this.#board.begin(operation);
    try {
      await api.operations.wait({ id }, { signal: this.signal });
    } finally {
      row.end();
    }
  }

  async #follow(client: EngineClient, operation: Operation): Promise<Operation> {
    const row = this.#board.begin(operation);
    const onAbort = () => this.note(`Cancelling the ${operation.kind} of ${operation.target}…`);
    if (this.signal.aborted) onAbort();
    else this.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const done = await client.watchOperation(operation, {
        onProgress: (progress) => row.show(progress),
        signal: this.signal,
      });
      for (const warning of done.warnings) this.note(`warning: ${warning}`);
      return done;
    } finally {
      this.signal.removeEventListener("abort", onAbort);
      row.end();
    }
  }

  async dispose(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    client?.dispose();
  }
}

/** How long the command waits, and what it says then. */
export type Limit = { seconds: number; message: string };

function lateness({ seconds, message }: Limit): { promise: Promise<never>; done(): void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new EngineError("timed-out", message)), seconds * 1000);
  });
  return { promise, done: () => clearTimeout(timer) };
}

/**
 * Does the same to several instances, all of them, and then tells which could not be done, as Multipass does. Resolves
 * with the results, where nothing failed; `onPartial` gets those of the others before the failure is thrown.
 */
export async function forEach<T>(
  names: readonly string[],
  work: (name: string) => Promise<T>,
  onPartial?: (results: T[]) => void,
): Promise<T[]> {
  const settled = await Promise.allSettled(names.map(work));
  const results = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failures = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  if (failures.length === 0) return results;
  if (results.length > 0) onPartial?.(results);
  throw failures.length === 1 ? failures[0] : together(failures);
}

function together(failures: readonly unknown[]): EngineError {
  const [first] = failures;
  return new EngineError(
    first instanceof EngineError ? first.code : "internal",
    `The following errors occurred:\n${failures.map(messageOf).join("\n")}`,
    { cause: first, details: { failures: failures.map((one) => toEngineError(one).toBody()) } },
  );
}
