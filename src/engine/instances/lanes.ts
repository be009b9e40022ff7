/** One thing after the other is done to an instance, by the operation that has it. */
import type { InstanceState } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { abortable, deferred, KeyedQueue } from "../../base/async.ts";
import type { Work, WorkCtx } from "../operations.ts";
import { ACTION_TABLE } from "./actions.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { Action } from "./transitions.ts";

/** What goes on under an operation, and what is shown of it at once. */
export type Resumable = { work: Work; onAccepted: (operation: Operation) => void };

/** Does something to the instance in its lane, which is free again when that resolves. */
export type Moment = <T>(work: () => Promise<T>) => Promise<T>;

/** All that have the instance to themselves. */
export type HoldingAction = Exclude<Action, "backup">;

export class Lanes {
  readonly #keeper: Keeper;
  readonly #queue = new KeyedQueue();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Does the work when everything that was asked of the instance before has ended. */
  inLane(entry: Entry, work: Work): Work {
    return (ctx: WorkCtx) =>
      this.#queue.run(entry.record.descriptor.id, async () => {
        try {
          await work(ctx);
        } finally {
          this.#release(entry, ctx);
        }
      });
  }

  /** The same when a backup that is being ended has let go of it. */
  afterBackup(entry: Entry, work: Work): Work {
    return async (ctx) => {
      if (entry.backup) await abortable(entry.backup.ended, ctx.signal);
      await work(ctx);
    };
  }

  /** A backup reads its disks while other things are done to it, and has the lane for moments alone. */
  backingUp(entry: Entry, work: (ctx: WorkCtx, moment: Moment) => Promise<void>): Resumable {
    const { promise: ended, resolve } = deferred<void>();
    const moment: Moment = (own) => this.#queue.run(entry.record.descriptor.id, own);
    return {
      onAccepted: ({ id }) => {
        entry.backup = { id, ended };
        this.#keeper.publish(entry);
      },
      work: async (ctx) => {
        try {
          await work(ctx, moment);
        } finally {
          entry.backup = undefined;
          resolve();
          if (!ctx.abandoned) this.#keeper.publish(entry);
        }
      },
    };
  }

  /** The operation has the instance from now on, which is shown at once. */
  take(entry: Entry, action: HoldingAction, operation: Operation): void {
    this.#keeper.add(entry);
    entry.pending = { id: operation.id, action, kind: operation.kind };
    this.#keeper.update(entry, { state: stateDuring(entry, action) });
  }

  #release(entry: Entry, ctx: WorkCtx): void {
    if (entry.pending?.id !== ctx.operationId || ctx.abandoned) return;
    entry.pending = undefined;
    this.#keeper.publish(entry);
  }
}

function stateDuring(entry: Entry, action: HoldingAction): InstanceState {
  if (action === "launch") return entry.running ? "starting" : "creating";
  if (action === "clone" || action === "restore-backup" || action === "import") return "creating";
  if (action === "export") return entry.record.state;
  if (action === "delete" && entry.running) return "stopping";
  return ACTION_TABLE[action].shows ?? entry.record.state;
}
