/**
 * Every action on an instance that exists, in one table: the operation it is, what the instance shows meanwhile, and
 * the work. Which of them may happen when is `transitions.ts`'s; that only one happens at a time is the manager's.
 */
import * as z from "zod";
import type { InstanceState } from "../../api/instance.ts";
import type { OperationKind } from "../../api/operation.ts";
import type { WorkCtx } from "../operations.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { restart, start, stop } from "./power.ts";
import { ACTIONS } from "./transitions.ts";
import { moveToTrash, purge, takeOutOfTrash } from "./trash.ts";

/** What is journaled of an action. What an action needs beyond its name is optional here, and its own to check. */
export const ActionInput = z.object({
  id: z.uuid(),
  action: z.enum(ACTIONS).exclude(["launch"]),
  /** When the run that a restart is to end had begun. */
  since: z.string().optional(),
  purge: z.boolean().optional(),
});
export type ActionInput = z.infer<typeof ActionInput>;

export type ActionRow = {
  kind: OperationKind;
  /** What the instance shows while it is under way; left out: the state it was found in. */
  shows?: InstanceState;
  /** False where it ends so soon, or so finally, that nobody may call it off. */
  cancellable?: false;
  /** Idempotent: an engine that died in its middle runs it again. */
  work(keeper: Keeper, entry: Entry, ctx: WorkCtx, input: ActionInput): Promise<void>;
};

export const ACTION_TABLE: Record<ActionInput["action"], ActionRow> = {
  start: {
    kind: "start",
    shows: "starting",
    work: start,
  },
  stop: {
    kind: "stop",
    shows: "stopping",
    work: (keeper, entry, ctx) => stop(keeper, entry, ctx, "graceful"),
  },
  "force-stop": {
    kind: "stop",
    shows: "stopping",
    work: (keeper, entry, ctx) => stop(keeper, entry, ctx, "force"),
  },
  restart: {
    kind: "restart",
    shows: "restarting",
    work: (keeper, entry, ctx, { since }) => restart(keeper, entry, ctx, since),
  },
  delete: {
    kind: "delete",
    work: (keeper, entry, ctx, input) => moveToTrash(keeper, entry, ctx, { purge: input.purge ?? false }),
  },
  recover: { kind: "recover", cancellable: false, work: takeOutOfTrash },
  purge: { kind: "purge", cancellable: false, work: purge },
};
