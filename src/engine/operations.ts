/**
 * Work in progress. The only writer of operations: begins them (journal first, effects after), publishes how far they
 * are, cancels them, keeps the last ones after their end, and says when none is left.
 */
import { randomUUID } from "node:crypto";
import type { Operation, OperationKind } from "../api/operation.ts";
import { abortable } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { type OperationOrigin, Origins, type ProjectOf } from "./access/origins.ts";
import type { OperationsApi } from "./engine-core.ts";
import type { EventLog } from "./event-log.ts";
import type { Log } from "./log.ts";
import { endOf, facts, OperationRun, type Work, type WorkCtx } from "./operation-run.ts";
import type { JournalRow, Store } from "./store/store.ts";

export type { Work, WorkCtx } from "./operation-run.ts";

export type NewOperation = {
  kind: OperationKind;
  target: string;
  /** What a later engine needs to run it again; kept only until the end. */
  input: unknown;
  cancellable?: boolean;
};

const KEEP_ENDED = 200;

export class Operations implements OperationsApi {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #log: Log;
  readonly #now: () => Date;
  readonly #origins: Origins;
  readonly #live = new Map<string, OperationRun>();
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

  constructor(parts: {
    store: Store;
    events: EventLog;
    log: Log;
    now?: () => Date;
    projectOf?: ProjectOf;
  }) {
    this.#origins = new Origins(parts.projectOf ?? (() => undefined));
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

  originOf(id: string): OperationOrigin | undefined {
    const operation = this.#live.get(id)?.operation ?? this.#ended.get(id);
    return operation && this.#origins.of(operation);
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

  /** Aborts the work whether it may be cancelled by a user or not, with the reason given; never what the next engine resumes. */
  interrupt(id: string, reason: Error): void {
    const live = this.#live.get(id);
    if (!live || live.cancelled || this.#closing) return;
    live.interrupt(reason);
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
    this.#origins.note(operation);
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
    const live = new OperationRun(operation, cancelled, {
      log: this.#log,
      now: this.#now,
      publish: (one) => this.#events.publish({ type: "operation", operation: one }),
      journalUndo: (id, error) => this.#store.undoOperation(id, error),
      onParked: () => this.#fireWhenDrained(),
      isClosing: () => this.#closing,
    });
    this.#live.set(operation.id, live);
    this.#origins.note(operation);
    if (this.#live.size === 1) this.#idleChanged.fire(false);
    live.publish();
    this.#log.info("operation begins", facts(operation));
    const ctx = live.ctx();
    void Promise.resolve()
      .then(() => work(ctx))
      .then(
        () => this.#end(live, undefined),
        (error: unknown) => this.#end(live, error),
      );
  }

  #end(live: OperationRun, error: unknown): void {
    live.stop();
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
    live.change({ ...ended, cancellable: false });
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
    live.publish();
    live.ended.resolve(live.operation);
    if (this.#live.size === 0) this.#idleChanged.fire(true);
    this.#fireWhenDrained();
  }

  #keep(operation: Operation): void {
    this.#ended.set(operation.id, operation);
    for (const id of this.#ended.keys()) {
      if (this.#ended.size <= KEEP_ENDED) break;
      this.#ended.delete(id);
      this.#origins.forget(id);
    }
  }

  #stamp(): string {
    return this.#now().toISOString();
  }
}
