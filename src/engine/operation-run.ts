/** One operation under way: what its work is given, how far it is, who waits for its end. */
import type { Operation, Progress } from "../api/operation.ts";
import { deferred } from "../base/async.ts";
import { type EngineError, type ErrorBody, toEngineError } from "../base/errors.ts";
import type { Ctx } from "./ctx.ts";
import type { Log } from "./log.ts";

/** What accompanies an operation's work. */
export type WorkCtx = Ctx & {
  readonly operationId: string;
  /** Tells the user something although the work goes on. */
  warn(text: string): void;
  /** From here on it can no longer be cancelled; throws when it has been already. */
  commit(): void;
  /** Parked work waits for a time to come; an engine that is to leave does not wait for it, the next one resumes it. */
  park(parked: boolean): void;
  /** Journals that what was made is being undone because of this error; the work must then end by throwing it. */
  undoing(error: EngineError): void;
  /** True when the engine is going away: leave everything as it is for the next engine, which resumes. */
  readonly abandoned: boolean;
};

/** Runs to the operation's end. Must be idempotent: a restarted engine runs it again under the same id. */
export type Work = (ctx: WorkCtx) => Promise<void>;

/** What a run needs of those who keep the operations. */
export type RunParts = {
  log: Log;
  now: () => Date;
  publish(operation: Operation): void;
  journalUndo(id: string, error: ErrorBody): void;
  onParked(): void;
  isClosing(): boolean;
};

const PROGRESS_INTERVAL_MS = 100;

export class OperationRun {
  readonly controller = new AbortController();
  readonly ended = deferred<Operation>();
  readonly #parts: RunParts;
  #operation: Operation;
  #cancelled: boolean;
  #parked = false;
  #publishedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(operation: Operation, cancelled: boolean, parts: RunParts) {
    this.#operation = operation;
    this.#cancelled = cancelled;
    this.#parts = parts;
    this.ended.promise.catch(() => {});
  }

  get operation(): Operation {
    return this.#operation;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  get parked(): boolean {
    return this.#parked;
  }

  /** Aborts the work with this reason; the first one counts. */
  interrupt(reason: Error): void {
    this.#cancelled = true;
    this.change({ cancellable: false });
    this.publish();
    this.controller.abort(reason);
  }

  change(patch: Partial<Operation>): void {
    this.#operation = { ...this.#operation, ...patch, updatedAt: this.#parts.now().toISOString() };
  }

  publish(): void {
    this.stop();
    this.#publishedAt = performance.now();
    this.#parts.publish(this.#operation);
  }

  /** Nothing is published any more by itself. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  ctx(): WorkCtx {
    const { isClosing } = this.#parts;
    const { id, target } = this.#operation;
    return {
      operationId: id,
      signal: this.controller.signal,
      log: this.#parts.log.with({ operation: id, target }),
      progress: (progress: Progress) => {
        if (this.#operation.status !== "running") return;
        this.change({ progress });
        this.#publishSoon();
      },
      warn: (text) => {
        this.change({ warnings: [...this.#operation.warnings, text] });
        this.publish();
      },
      commit: () => {
        this.controller.signal.throwIfAborted();
        this.change({ cancellable: false });
        this.publish();
      },
      park: (parked) => {
        this.#parked = parked;
        this.#parts.onParked();
      },
      undoing: (error) => this.#undoing(error),
      get abandoned() {
        return isClosing();
      },
    };
  }

  #undoing(error: EngineError): void {
    this.change({ cancellable: false });
    this.publish();
    try {
      this.#parts.journalUndo(this.#operation.id, error.toBody());
    } catch (cause) {
      // Taking back is right all the same; only a crash in its middle would now go forward again.
      this.#parts.log.error("an undo could not be journaled", { ...facts(this.#operation), cause });
    }
  }

  /** At most one event per interval while work reports progress; the last report is always published. */
  #publishSoon(): void {
    if (this.#timer) return;
    const waitMs = this.#publishedAt + PROGRESS_INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.publish();
    else this.#timer = setTimeout(() => this.publish(), waitMs);
  }
}

/** What an operation has become when its work ended with this error, or without one. Pure. */
export function endOf(operation: Operation, cancelled: boolean, error: unknown): Operation {
  if (error === undefined) return { ...operation, status: "succeeded" };
  const failure = toEngineError(error, `${operation.kind} ${operation.target}`);
  if (cancelled && failure.code === "cancelled") return { ...operation, status: "cancelled" };
  return { ...operation, status: "failed", error: failure.toBody() };
}

/** What a log says of an operation. */
export function facts(operation: Operation): Record<string, unknown> {
  const { id, kind, target, status } = operation;
  return { operation: id, kind, target, status };
}
