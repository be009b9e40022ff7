/**
 * Work in progress. The only writer of operations: begins them (journal first, effects after), publishes how far they
 * are, cancels them, keeps the last ones after their end, and says when none is left.
 */
import { randomUUID } from "node:crypto";
import type { Operation, OperationKind, Progress } from "../api/operation.ts";
import { abortable, type Deferred, deferred } from "../base/async.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import type { Ctx } from "./ctx.ts";
import type { OperationsApi } from "./engine-core.ts";
import type { EventLog } from "./event-log.ts";
import type { Log } from "./log.ts";
import type { JournalRow, Store } from "./store/store.ts";

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

export type NewOperation = {
  kind: OperationKind;
  target: string;
  /** What a later engine needs to run it again; kept only until the end. */
  input: unknown;
  cancellable?: boolean;
};

type Live = {
  operation: Operation;
  controller: AbortController;
  ended: Deferred<Operation>;
  cancelled: boolean;
  parked: boolean;
  publishedAt: number;
  timer: NodeJS.Timeout | undefined;
};

const KEEP_ENDED = 200;
const PROGRESS_INTERVAL_MS = 100;

export class Operations implements OperationsApi {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #log: Log;
  readonly #now: () => Date;
  readonly #live = new Map<string, Live>();
  readonly #ended = new Map<string, Operation>();
  readonly #idleChanged = new Emitter<boolean>();
  readonly #drained = new Emitter<void>();
  #draining = false;
  /** Why nothing may begin now; set while one operation has everything to itself. */
  #held: string | undefined;
  #toldDrained = false;
  #closing = false;

  readonly onDidChangeIdle = this.#idleChanged.event;
  readonly onDidDrain = this.#drained.event;

  constructor(parts: { store: Store; events: EventLog; log: Log; now?: () => Date }) {
    this.#store = parts.store;
    this.#events = parts.events;
    this.#log = parts.log;
    this.#now = parts.now ?? (() => new Date());
    for (const row of this.#store.endedOperations()) this.#ended.set(row.id, row);
  }

  get idle(): boolean {
    return this.#live.size === 0;
  }

  get draining(): boolean {
    return this.#draining;
  }

  list(): Operation[] {
    const all = [...this.#ended.values(), ...[...this.#live.values()].map((live) => live.operation)];
    return all.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  get(id: string): Operation {
    const operation = this.#live.get(id)?.operation ?? this.#ended.get(id);
    if (!operation) {
      throw new EngineError("not-found", `cannot find operation ${id}: it is unknown or long past`);
    }
    return operation;
  }

  async wait(id: string, signal: AbortSignal): Promise<Operation> {
    const live = this.#live.get(id);
    return live ? abortable(live.ended.promise, signal) : this.get(id);
  }

  cancel(id: string): Operation {
    const live = this.#live.get(id);
    if (!live) return this.get(id);
    const { kind, target, cancellable } = live.operation;
    if (!cancellable && !live.cancelled) {
      throw new EngineError(
        "wrong-state",
        `cannot cancel ${kind} of ${target}: it is past the point of return`,
        {
          hint: "Wait for its end.",
        },
      );
    }
    this.interrupt(id, new DOMException("cancelled", "AbortError"));
    return live.operation;
  }

  /** Aborts the work whether it may be cancelled by a user or not, with the reason given. */
  interrupt(id: string, reason: Error): void {
    const live = this.#live.get(id);
    if (!live || live.cancelled) return;
    live.cancelled = true;
    live.operation = { ...live.operation, cancellable: false, updatedAt: this.#stamp() };
    this.#publish(live);
    live.controller.abort(reason);
  }

  /**
   * Journals the intent and starts the work. When this returns, the operation survives a crash; when it throws,
   * nothing has happened. `onAccepted` runs in between, before the work.
   */
  begin(wanted: NewOperation, work: Work, onAccepted?: (operation: Operation) => void): Operation {
    this.refuseWhileDraining(`${wanted.kind} ${wanted.target}`);
    this.refuseWhileHeld(`${wanted.kind} ${wanted.target}`);
    const operation = this.#make(wanted, "running");
    this.#store.beginOperation({ ...operation, input: wanted.input });
    onAccepted?.(operation);
    this.#run(operation, work);
    return operation;
  }

  /** Goes on with what an earlier engine began, or with its undoing where `row.error` is set. */
  resume(row: JournalRow, work: Work, onAccepted?: (operation: Operation) => void): void {
    const { input: _input, error, ...rest } = row;
    const operation = { ...rest, updatedAt: this.#stamp() };
    onAccepted?.(operation);
    this.#run(operation, work, error?.code === "cancelled");
  }

  /** An operation for something that is already as it was asked to be. */
  already(wanted: Omit<NewOperation, "input">): Operation {
    const operation = this.#make({ ...wanted, input: undefined, cancellable: false }, "succeeded");
    this.#keep(operation);
    this.#events.publish({ type: "operation", operation });
    return operation;
  }

  refuseWhileDraining(doing: string): void {
    if (!this.#draining && !this.#closing) return;
    throw new EngineError("engine-unavailable", `cannot ${doing}: the engine is leaving`, {
      hint: "Connect again: a new engine takes over.",
    });
  }

  /** Throws where anything is under way, a delayed stop aside. */
  refuseWhileBusy(doing: string): void {
    const live = [...this.#live.values()].find((one) => !one.parked);
    if (!live) return;
    const { kind, target } = live.operation;
    throw new EngineError("busy", `cannot ${doing}: ${kind} of ${target} is under way`, {
      hint: "Wait for its end, or cancel it.",
    });
  }

  /**
   * Resolves when nothing but the operation of `ctx` is under way, and from then on nothing else begins until the
   * returned function is called.
   */
  async holdAll(ctx: WorkCtx, reason: string): Promise<() => void> {
    this.#held = reason;
    try {
      const others = [...this.#live.values()].filter((one) => one.operation.id !== ctx.operationId);
      const ended = others.map((one) => one.ended.promise.catch(() => {}));
      await abortable(Promise.all(ended), ctx.signal);
    } catch (error) {
      this.#held = undefined;
      throw error;
    }
    return () => {
      this.#held = undefined;
    };
  }

  /** Throws while another operation has everything to itself. */
  refuseWhileHeld(doing: string): void {
    if (this.#held === undefined) return;
    throw new EngineError("busy", `cannot ${doing}: ${this.#held}`, {
      hint: "Wait for its end, or cancel it: berth operations",
    });
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#events.publish({ type: "draining" });
    queueMicrotask(() => this.#fireWhenDrained());
  }

  #fireWhenDrained(): void {
    if (!this.#draining || this.#toldDrained || [...this.#live.values()].some((one) => !one.parked)) return;
    this.#toldDrained = true;
    this.#drained.fire();
  }

  /** Lets go of all work without journaling an end, so that the next engine resumes it. */
  async close(): Promise<void> {
    this.#closing = true;
    const live = [...this.#live.values()];
    const settled = live.map((one) => one.ended.promise.catch(() => {}));
    for (const one of live) one.controller.abort(new DOMException("the engine is leaving", "AbortError"));
    await Promise.all(settled);
    this.#idleChanged.dispose();
    this.#drained.dispose();
  }

  #make(wanted: NewOperation, status: "running" | "succeeded"): Operation {
    const now = this.#stamp();
    return {
      id: randomUUID(),
      kind: wanted.kind,
      target: wanted.target,
      status,
      cancellable: wanted.cancellable ?? true,
      warnings: [],
      createdAt: now,
      updatedAt: now,
    };
  }

  #run(operation: Operation, work: Work, cancelled = false): void {
    const live: Live = {
      operation,
      controller: new AbortController(),
      ended: deferred<Operation>(),
      cancelled,
      parked: false,
      publishedAt: 0,
      timer: undefined,
    };
    live.ended.promise.catch(() => {});
    this.#live.set(operation.id, live);
    if (this.#live.size === 1) this.#idleChanged.fire(false);
    this.#publish(live);
    this.#log.info("operation begins", facts(operation));
    const ctx = this.#ctx(live);
    void Promise.resolve()
      .then(() => work(ctx))
      .then(
        () => this.#end(live, undefined),
        (error: unknown) => this.#end(live, error),
      );
  }

  #ctx(live: Live): WorkCtx {
    const change = (patch: Partial<Operation>) => {
      live.operation = { ...live.operation, ...patch, updatedAt: this.#stamp() };
    };
    const isClosing = () => this.#closing;
    return {
      operationId: live.operation.id,
      signal: live.controller.signal,
      log: this.#log.with({ operation: live.operation.id, target: live.operation.target }),
      progress: (progress: Progress) => {
        if (live.operation.status !== "running") return;
        change({ progress });
        this.#publishSoon(live);
      },
      warn: (text) => {
        change({ warnings: [...live.operation.warnings, text] });
        this.#publish(live);
      },
      commit: () => {
        live.controller.signal.throwIfAborted();
        change({ cancellable: false });
        this.#publish(live);
      },
      park: (parked) => {
        live.parked = parked;
        this.#fireWhenDrained();
      },
      undoing: (error) => {
        change({ cancellable: false });
        this.#publish(live);
        try {
          this.#store.undoOperation(live.operation.id, error.toBody());
        } catch (cause) {
          // Taking back is right all the same; only a crash in its middle would now go forward again.
          this.#log.error("an undo could not be journaled", { ...facts(live.operation), cause });
        }
      },
      get abandoned() {
        return isClosing();
      },
    };
  }

  #end(live: Live, error: unknown): void {
    clearTimeout(live.timer);
    const { id, kind, target } = live.operation;
    if (this.#closing) {
      this.#live.delete(id);
      live.ended.reject(
        new EngineError("engine-unavailable", `cannot ${kind} ${target}: the engine is leaving`, {
          hint: "Connect again: the next engine goes on with it.",
        }),
      );
      return;
    }
    const ended = endOf(live.operation, live.cancelled, error);
    live.operation = { ...ended, cancellable: false, updatedAt: this.#stamp() };
    try {
      this.#store.endOperation(live.operation);
    } catch (cause) {
      // The next engine finds it unfinished and runs it again, which its idempotent steps allow.
      this.#log.error("the end of an operation could not be journaled", { ...facts(live.operation), cause });
    }
    const report = live.operation.status === "failed" ? "warn" : "info";
    this.#log[report]("operation ends", { ...facts(live.operation), ...(error ? { error } : {}) });
    this.#live.delete(id);
    this.#keep(live.operation);
    this.#publish(live);
    live.ended.resolve(live.operation);
    if (this.#live.size === 0) this.#idleChanged.fire(true);
    this.#fireWhenDrained();
  }

  #keep(operation: Operation): void {
    this.#ended.set(operation.id, operation);
    for (const id of this.#ended.keys()) {
      if (this.#ended.size <= KEEP_ENDED) break;
      this.#ended.delete(id);
    }
  }

  /** At most one event per interval while work reports progress; the last report is always published. */
  #publishSoon(live: Live): void {
    if (live.timer) return;
    const waitMs = live.publishedAt + PROGRESS_INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.#publish(live);
    else live.timer = setTimeout(() => this.#publish(live), waitMs);
  }

  #publish(live: Live): void {
    clearTimeout(live.timer);
    live.timer = undefined;
    live.publishedAt = performance.now();
    this.#events.publish({ type: "operation", operation: live.operation });
  }

  #stamp(): string {
    return this.#now().toISOString();
  }
}

/** What an operation has become when its work ended with this error, or without one. Pure. */
export function endOf(operation: Operation, cancelled: boolean, error: unknown): Operation {
  if (error === undefined) return { ...operation, status: "succeeded" };
  const failure = toEngineError(error, `${operation.kind} ${operation.target}`);
  if (cancelled && failure.code === "cancelled") return { ...operation, status: "cancelled" };
  return { ...operation, status: "failed", error: failure.toBody() };
}

function facts(operation: Operation): Record<string, unknown> {
  const { id, kind, target, status } = operation;
  return { operation: id, kind, target, status };
}
