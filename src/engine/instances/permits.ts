/** Whether an action may happen to an instance now, in words where it may not. */
import type { OperationKind } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { ACTION_TABLE, type ActionInput } from "./actions.ts";
import { awaitingOf } from "./arrival-words.ts";
import type { Decision } from "./decision.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { type Action, decide, zoneHint, zoneReason } from "./transitions.ts";

/** Throws where the action is denied; `target` is what it works on, where that is not the instance. */
export function mayRun(
  keeper: Keeper,
  entry: Entry,
  action: Action,
  target: string,
): Exclude<Decision, { do: "denied" }> {
  const { state, descriptor } = entry.record;
  const decision = decide(state, entry.pending?.action, action, {
    disabledZone: disabledZone(keeper, entry),
    isRead: entry.backup !== undefined,
    movedTo: descriptor.move?.to,
    awaiting: awaitingOf(entry),
  });
  if (decision.do !== "denied") return decision;
  const { code, reason, hint } = decision;
  throw new EngineError(code, `cannot ${verbOf(action)} ${target}: ${reason}`, { hint });
}

/** Throws where its zone is disabled. */
export function reachable(keeper: Keeper, name: string, verb: string): Entry {
  const entry = keeper.find(name, verb);
  const zone = disabledZone(keeper, entry);
  if (zone === undefined) return entry;
  const reason = `cannot ${verb} ${name}: ${zoneReason(zone)}`;
  throw new EngineError("wrong-state", reason, { hint: zoneHint(zone) });
}

function disabledZone(keeper: Keeper, { record }: Entry): string | undefined {
  const { name, available } = keeper.zones.of(record.descriptor.zone);
  return available ? undefined : name;
}

/** Why a backup ends that is not wanted any more as soon as this is asked for. */
export function backupEnded(entry: Entry, action: Action): EngineError {
  const reason = `a ${action.replace("-", " ")} was asked for meanwhile`;
  return new EngineError("cancelled", `cannot back up ${nameOf(entry)}: ${reason}`);
}

export function verbOf(action: Action): string {
  if (action === "backup") return "back up";
  const own = action in ACTION_TABLE ? ACTION_TABLE[action as ActionInput["action"]].verb : undefined;
  return own ?? action.replace("-", " ");
}

/** Of what a forced stop has ended. */
export function forced(kind: OperationKind, name: string): EngineError {
  return new EngineError("cancelled", `cannot ${kind} ${name}: it was force stopped meanwhile`);
}
