/**
 * Stops that wait. Until its time has come such an operation has no hold of the instance: everything else may happen
 * meanwhile, and what ends or renews the guest's run calls it off.
 */
import * as z from "zod";
import type { Operation } from "../../api/operation.ts";
import { abortable, sleep } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { runInGuest } from "../guest/run-in-guest.ts";
import type { Operations, Work, WorkCtx } from "../operations.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { backupEnded } from "./permits.ts";
import { stop } from "./power.ts";
import { type Action, decide } from "./transitions.ts";

/** What is journaled of it. */
export const DelayedStopInput = z.object({ id: z.uuid(), stopAt: z.iso.datetime() });
export type DelayedStopInput = z.infer<typeof DelayedStopInput>;

/** Asking for one of these says that the stop is no longer wanted, or comes now. */
const SUPERSEDING: readonly Action[] = ["start", "stop", "force-stop", "restart", "suspend", "delete"];

/** How long before the stop those who are logged in are told again. */
const REMINDERS_MS = [300_000, 60_000];
const WALL_MS = 10_000;
/** The longest that a timer can be set for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type DelayedStopParts = {
  keeper: Keeper;
  operations: Operations;
  /** Gives the operation the instance, and does the work in its lane. */
  hold: (entry: Entry, operation: Operation, work: Work) => Work;
};

export class DelayedStops {
  readonly #parts: DelayedStopParts;

  constructor(parts: DelayedStopParts) {
    this.#parts = parts;
  }

  /** A second one takes the place of the first. */
  begin(entry: Entry, delayMs: number): Operation {
    const { keeper, operations } = this.#parts;
    const stopAt = new Date(keeper.now().getTime() + delayMs).toISOString();
    const input: DelayedStopInput = { id: entry.record.descriptor.id, stopAt };
    const before = entry.delayedStop;
    const { work, onAccepted } = this.resume(entry, input);
    const operation = operations.begin({ kind: "stop", target: nameOf(entry), input }, work, onAccepted);
    if (before) operations.interrupt(before.operation, calledOff(entry, "another time was set"));
    return operation;
  }

  resume(entry: Entry, input: DelayedStopInput): { work: Work; onAccepted: (operation: Operation) => void } {
    return {
      work: (ctx) => this.#work(entry, ctx, input.stopAt),
      onAccepted: (operation) => {
        entry.delayedStop = { operation: operation.id, at: input.stopAt };
        this.#parts.keeper.publish(entry);
      },
    };
  }

  /** Calls off the one that waits; resolves when it is gone. No effect where none does. */
  async cancel(entry: Entry): Promise<void> {
    const { operations } = this.#parts;
    const waiting = entry.delayedStop;
    if (!waiting) return;
    operations.interrupt(waiting.operation, calledOff(entry, "it was cancelled"));
    await operations.wait(waiting.operation, AbortSignal.timeout(WALL_MS));
  }

  /** An action was accepted. */
  supersede(entry: Entry, action: Action): void {
    if (!entry.delayedStop || !SUPERSEDING.includes(action)) return;
    const reason = calledOff(entry, `a ${action.replace("-", " ")} was asked for meanwhile`);
    this.#parts.operations.interrupt(entry.delayedStop.operation, reason);
  }

  async #work(entry: Entry, ctx: WorkCtx, stopAt: string): Promise<void> {
    const { operations, hold } = this.#parts;
    try {
      ctx.park(true);
      ctx.progress({ phase: "wait", message: `until ${stopAt}` });
      await this.#dueOrEnded(entry, ctx, stopAt);
    } finally {
      if (!ctx.abandoned) this.#noLongerWaits(entry, ctx);
    }
    ctx.park(false);
    while (entry.pending) await operations.wait(entry.pending.id, ctx.signal);
    if (decide(entry.record.state, undefined, "stop").do !== "run") return;
    if (entry.backup) operations.interrupt(entry.backup.id, backupEnded(entry, "stop"));
    const graceful: Work = (held) => stop(this.#parts.keeper, entry, held, "graceful");
    await hold(entry, operations.get(ctx.operationId), graceful)(ctx);
  }

  async #dueOrEnded(entry: Entry, ctx: WorkCtx, stopAt: string): Promise<void> {
    const { running } = entry;
    if (!running) return;
    const over = new AbortController();
    const signal = AbortSignal.any([ctx.signal, over.signal]);
    const due = this.#wait(entry, { ...ctx, signal }, stopAt);
    due.catch(() => {});
    try {
      await Promise.race([due, abortable(running.exited, signal)]);
    } finally {
      over.abort();
    }
  }

  #noLongerWaits(entry: Entry, ctx: WorkCtx): void {
    const replaced = entry.delayedStop?.operation !== ctx.operationId;
    if (!replaced) entry.delayedStop = undefined;
    this.#parts.keeper.publish(entry);
    if (ctx.signal.aborted && !replaced) void tell(entry, ctx, "The shutdown has been cancelled.");
  }

  /** Resolves when the time has come. Tells the guest's users now, and again shortly before. */
  async #wait(entry: Entry, ctx: WorkCtx, stopAt: string): Promise<void> {
    const at = Date.parse(stopAt);
    const left = () => at - this.#parts.keeper.now().getTime();
    const reminders = REMINDERS_MS.filter((ms) => ms < left());
    if (left() > 0) void tell(entry, ctx, goingDown(nameOf(entry), stopAt));
    for (;;) {
      const [next = 0] = reminders;
      const ms = left() - next;
      if (ms > 0) await sleep(Math.min(ms, LONGEST_TIMER_MS), ctx.signal);
      if (left() > next) continue;
      if (reminders.length === 0) return;
      reminders.shift();
      void tell(entry, ctx, goingDown(nameOf(entry), stopAt));
    }
  }
}

function goingDown(name: string, stopAt: string): string {
  const at = stopAt.replace("T", " ").replace(/\.\d+Z$/, " UTC");
  return `The system is going down for poweroff at ${at}; on its host, 'berth stop --cancel ${name}' cancels that.`;
}

/** On the terminals of all who are logged in. Best effort: a guest that cannot be reached is stopped all the same. */
async function tell(entry: Entry, ctx: WorkCtx, message: string): Promise<void> {
  const { running, ready } = entry;
  if (!running || !ready) return;
  try {
    const argv = ["sh", "-c", 'sudo -n wall "$1" 2>/dev/null || wall "$1"', "sh", message];
    await runInGuest(running.guest, argv, { timeoutMs: WALL_MS });
  } catch (error) {
    ctx.log.info("the users of a guest could not be told of its stop", { error });
  }
}

function calledOff(entry: Entry, why: string): EngineError {
  return new EngineError("cancelled", `cannot stop ${nameOf(entry)} later: ${why}`);
}
