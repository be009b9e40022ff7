/** What every verb works with: the engine (connected to, or started, when first needed), the terminal, Ctrl-C. */
import path from "node:path";
import type { Operation } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { ProgressLine } from "./progress.ts";

export type Streams = {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
};

export class Session {
  readonly io: Streams;
  readonly #ending = new AbortController();
  #client: Promise<EngineClient> | undefined;
  /** What the process exits with where nothing failed; a guest's command sets it. */
  exitCode = 0;

  constructor(io: Streams = process) {
    this.io = io;
  }

  /** Aborts at Ctrl-C, unless a verb takes that for itself. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  cancel(): void {
    this.#ending.abort(new DOMException("cancelled", "AbortError"));
  }

  client(): Promise<EngineClient> {
    this.#client ??= import("../client/connect.ts").then(({ connect }) =>
      connect({ engineBundle: path.join(__dirname, "engine.js"), signal: this.signal }),
    );
    return this.#client;
  }

  print(text: string): void {
    this.io.stdout.write(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  }

  note(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  /** Follows an operation with a progress line; Ctrl-C cancels it on the engine. Its warnings are shown. */
  async follow(operation: Operation, options: { quiet?: boolean } = {}): Promise<Operation> {
    const client = await this.client();
    const line = options.quiet ? undefined : new ProgressLine(this.io.stderr, operation);
    const onAbort = () => line?.say(`Cancelling ${operation.kind} of ${operation.target}…`);
    this.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const done = await client.watchOperation(operation, {
        onProgress: (progress) => line?.show(progress),
        signal: this.signal,
      });
      line?.end();
      for (const warning of done.warnings) this.note(`warning: ${warning}`);
      return done;
    } finally {
      this.signal.removeEventListener("abort", onAbort);
      line?.end();
    }
  }

  async dispose(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    client?.dispose();
  }
}

/** Does the same to several instances, all of them, and then tells which could not be done, as Multipass does. */
export async function forEach(
  names: readonly string[],
  work: (name: string) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(names.map(work));
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (failures.length === 0) return;
  if (failures.length === 1) throw failures[0];
  const first = failures[0];
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  throw new EngineError(
    first instanceof EngineError ? first.code : "internal",
    `The following errors occurred:\n${messages.join("\n")}`,
  );
}
