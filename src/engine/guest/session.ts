/**
 * A process on a terminal that outlives its clients. While one is attached, the guest waits for it as it would wait
 * without a session; while none is, output goes on and its end is kept.
 */
import { PassThrough, Readable, Writable } from "node:stream";
import type { GuestSession } from "../../api/session.ts";
import { type Deferred, deferred, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { GuestProcess, ProcessExit } from "./guest.ts";
import { OutputTail } from "./output-tail.ts";

/** What is shown again to whoever attaches. */
export const TAIL_BYTES = 256 * 2 ** 10;
/** A window that is reloaded leaves a moment after it has come back. */
const LEAVE_MS = 5_000;

export type SessionOptions = {
  id: string;
  argv: readonly string[] | undefined;
  keepSeconds: number;
  now: () => Date;
};

type Attachment = { output: PassThrough; exited: Deferred<ProcessExit>; detached: Deferred<void> };

export class Session {
  readonly #process: GuestProcess;
  readonly #options: SessionOptions;
  readonly #startedAt: string;
  readonly #tail = new OutputTail(TAIL_BYTES);
  readonly #ended = deferred<void>();
  #attachment: Attachment | undefined;
  #detachedAt: string | undefined;
  #keeping: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(process: GuestProcess, options: SessionOptions) {
    this.#process = process;
    this.#options = options;
    this.#startedAt = options.now().toISOString();
    process.stdout.on("data", (chunk: Buffer) => this.#onOutput(chunk));
    process.stdout.on("error", () => {}); // `exited` tells.
    process.stderr.on("error", () => {}).resume(); // A terminal has one output.
    process.stdin.on("error", () => {});
    process.exited.then(
      (exit) => this.#end((attachment) => attachment.exited.resolve(exit)),
      (error: unknown) => this.#end((attachment) => attachment.exited.reject(error)),
    );
  }

  /** Resolves when its process has ended, or has been let go of. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get facts(): GuestSession {
    const { id, argv } = this.#options;
    return {
      ...{ id, attached: this.#attachment !== undefined, startedAt: this.#startedAt },
      ...(argv === undefined ? {} : { argv: [...argv] }),
      ...(this.#detachedAt === undefined ? {} : { detachedAt: this.#detachedAt }),
    };
  }

  /**
   * The process for one client; closing it detaches. Waits a moment for the one that is attached to leave, then rejects
   * with `busy`: nobody is robbed of a terminal.
   */
  async attach(signal: AbortSignal, how: { keepSeconds?: number } = {}): Promise<GuestProcess> {
    await this.#free(signal);
    clearTimeout(this.#keeping);
    this.#detachedAt = undefined;
    if (how.keepSeconds !== undefined) this.#options.keepSeconds = how.keepSeconds;
    const attachment: Attachment = { output: new PassThrough(), exited: deferred(), detached: deferred() };
    attachment.exited.promise.catch(() => {});
    this.#attachment = attachment;
    const replay = this.#tail.replay();
    if (replay.length > 0) this.#pass(replay);
    return this.#processFor(attachment);
  }

  /** Ends the process. Who is attached is told why. */
  close(reason: EngineError): void {
    this.#process.close();
    this.#end((attachment) => attachment.exited.reject(reason));
  }

  #processFor(attachment: Attachment): GuestProcess {
    const { output, exited } = attachment;
    const { stdin } = this.#process;
    return {
      stdin: new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          if (!stdin.writable || stdin.write(chunk)) return done();
          const go = () => {
            stdin.off("drain", go).off("close", go);
            done();
          };
          stdin.on("drain", go).on("close", go);
        },
        final: (done) => {
          stdin.end();
          done();
        },
      }),
      ...{ stdout: output, stderr: Readable.from([]), exited: exited.promise },
      resize: (size) => this.#process.resize(size),
      signal: (name) => this.#process.signal(name),
      close: () => this.#detach(attachment),
    };
  }

  async #free(signal: AbortSignal): Promise<void> {
    const leaving = withDeadline(LEAVE_MS, signal);
    const given = deferred<void>();
    leaving.signal.addEventListener("abort", () => given.resolve(), { once: true });
    try {
      while (this.#attachment && !leaving.signal.aborted)
        await Promise.race([this.#attachment.detached.promise, given.promise]);
    } finally {
      leaving.done();
    }
    signal.throwIfAborted();
    if (this.#isOver) throw new EngineError("not-found", "cannot join the session: it has ended");
    if (this.#attachment) {
      throw new EngineError("busy", "cannot join the session: another terminal shows it", {
        hint: "Close that one first.",
      });
    }
  }

  #detach(attachment: Attachment): void {
    if (this.#attachment !== attachment) return;
    this.#attachment = undefined;
    attachment.output.destroy();
    this.#process.stdout.resume();
    if (!this.#isOver) {
      this.#detachedAt = this.#options.now().toISOString();
      const over = new EngineError("timed-out", "the session was kept for long enough");
      this.#keeping = setTimeout(() => this.close(over), this.#options.keepSeconds * 1000);
    }
    attachment.detached.resolve();
  }

  #onOutput(chunk: Buffer): void {
    this.#tail.push(chunk);
    this.#pass(chunk);
  }

  /** To whoever is attached. The guest waits until it was taken. */
  #pass(chunk: Buffer): void {
    const { stdout } = this.#process;
    const attachment = this.#attachment;
    if (!attachment || this.#isOver || attachment.output.write(chunk)) return;
    stdout.pause();
    attachment.output.once("drain", () => {
      if (this.#attachment === attachment) stdout.resume();
    });
  }

  #end(tell: (attachment: Attachment) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#keeping);
    this.#attachment?.output.end();
    if (this.#attachment) tell(this.#attachment);
    this.#ended.resolve();
  }
}
