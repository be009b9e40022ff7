/**
 * An engine's start: shows every instance there is, adopts what runs, goes on with what an earlier engine began.
 * Nothing is deleted here; only an operation that a user asked for may remove something.
 */
import type { Problem } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { abortable, withDeadline } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Running } from "../drivers/running.ts";
import type { Operations, Work, WorkCtx } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { ActionInput } from "./actions.ts";
import { AdoptInput, adoptEntryOf, adoption } from "./adopt.ts";
import { CloneInput, cloneEntryOf } from "./clone.ts";
import { DelayedStopInput } from "./delayed-stop.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import { DIRECTORY_MISSING, entriesFrom, type Fallback } from "./found.ts";
import type { Keeper } from "./keeper.ts";
import { entryOf, LaunchInput, takeBack } from "./launch.ts";
import type { InstanceManager } from "./manager.ts";
import { reopenPorts } from "./port-work.ts";
import { readyInBackground } from "./ready.ts";
import { lookForMemory } from "./suspend.ts";
import { finishPurge } from "./trash.ts";

/** A driver that does not tell by then whether an instance runs leaves it `unknown`. */
const ATTACH_MS = 10_000;

export type RecoverParts = {
  keeper: Keeper;
  manager: InstanceManager;
  operations: Operations;
  fallback: Fallback;
  /** The journaled operations on instances that have no end. */
  interrupted: readonly JournalRow[];
  /** Those and all others without an end, which their own parts go on with. */
  rows: readonly JournalRow[];
};

/** Resolves with the instances that ran when an engine last saw them, and do not now. */
export async function recoverInstances(parts: RecoverParts): Promise<Entry[]> {
  const { keeper, interrupted, rows } = parts;
  const entries = entriesFrom(await keeper.files.scan(), keeper.store.instances(), parts.fallback);
  for (const entry of entries) keeper.add(entry);
  const resumed = new Set(rows.map((row) => idOf(row.input)));
  const ranBefore = entries.filter(({ record }) => record.state === "running" || record.state === "unknown");
  // A container may be in a VM of ours: whether that runs is known first.
  const { vm = [], container = [] } = Object.groupBy(entries, ({ record }) => record.descriptor.kind);
  for (const each of [vm, container])
    await Promise.all(each.map((entry) => adopt(keeper, entry, resumed.has(entry.record.descriptor.id))));
  for (const row of interrupted) resume(parts, row);
  for (const entry of keeper.entries()) if (!entry.pending) void readyInBackground(keeper, entry);
  return ranBefore.filter(({ record, suspended }) => record.state === "stopped" && !suspended);
}

/** Takes in what is at a place that was not there when the engine began; what is known already stays as it is. */
export async function takeInInstances(keeper: Keeper, fallback: Fallback): Promise<void> {
  const missing = keeper
    .entries()
    .filter((entry) => entry.damage?.code === DIRECTORY_MISSING && !entry.pending);
  const found = (await keeper.files.scan()).filter(({ id }) => {
    const known = keeper.byId(id);
    return known === undefined || missing.includes(known);
  });
  if (found.length === 0) return;
  const ids = new Set(found.map(({ id }) => id));
  const rows = keeper.store.instances().filter(({ descriptor }) => ids.has(descriptor.id));
  for (const entry of entriesFrom(found, rows, fallback)) {
    if (keeper.byId(entry.record.descriptor.id) === undefined && keeper.has(nameOf(entry))) continue;
    keeper.add(entry);
    await adopt(keeper, entry, false);
    keeper.publish(entry);
    if (!entry.pending) void readyInBackground(keeper, entry);
  }
}

/** Finds out whether the instance runs; says so where that is not what was last known. */
async function adopt(keeper: Keeper, entry: Entry, resumed: boolean): Promise<void> {
  if (entry.broken || entry.record.state === "deleted") return;
  const before = entry.record.state;
  const problems = without(entry.record.problems, "attach-failed");
  try {
    const running = await attach(keeper, entry);
    if (running) {
      keeper.attached(entry, running, { state: "running", problems });
      return await reopenPorts(keeper, entry, quietCtx(keeper, new AbortController().signal));
    }
    await lookForMemory(keeper, entry);
  } catch (error) {
    return keeper.update(entry, { state: "unknown", problems: [...problems, attachFailed(error)] });
  }
  const state = entry.suspended ? "suspended" : "stopped";
  if (resumed) return keeper.update(entry, { state, problems });
  if (!entry.record.descriptor.booted) {
    return keeper.update(entry, { state: "failed", problems: [launchLost()] });
  }
  const ended = !entry.suspended && (before === "running" || before === "unknown");
  keeper.update(entry, { state, problems: ended ? [...problems, endedUnseen()] : problems });
}

/** What runs of it. Rejects where that is not told in time. */
export async function attach(keeper: Keeper, entry: Entry): Promise<Running | undefined> {
  const deadline = withDeadline(ATTACH_MS);
  try {
    const instance = await keeper.driverInstance(entry);
    const ctx = quietCtx(keeper, deadline.signal);
    return await abortable(keeper.driverOf(entry).attach(ctx, instance), deadline.signal);
  } finally {
    deadline.done();
  }
}

function quietCtx({ log }: Keeper, signal: AbortSignal): Ctx {
  return { signal, progress: () => {}, log };
}

function attachFailed(error: unknown): Problem {
  return {
    code: "attach-failed",
    severity: "error",
    message: `whether it runs could not be found out: ${messageOf(error)}`,
    hint: "Force stop it; it can be started again afterwards.",
  };
}

function endedUnseen(): Problem {
  return {
    code: "ended-unseen",
    severity: "warning",
    message:
      "it ran when the engine last saw it, and has ended since: the host was restarted, or it was ended",
    hint: "Start it again.",
  };
}

function launchLost(): Problem {
  return {
    code: "launch-lost",
    severity: "error",
    message: "its launch was interrupted, and the record of it is lost",
    hint: "Purge it, then launch it again.",
  };
}

/** What goes on under an interrupted operation, and what is shown of it at once. */
type Resumed = { work: Work; onAccepted?: (operation: Operation) => void };

function resume(parts: RecoverParts, row: JournalRow): void {
  const { work, onAccepted } = resumed(parts, row);
  parts.operations.resume(row, work, onAccepted);
}

function resumed({ keeper, manager }: RecoverParts, row: JournalRow): Resumed {
  const launched = LaunchInput.safeParse(row.input);
  if (row.kind === "launch" && launched.success) return resumedLaunch(keeper, manager, row, launched.data);
  const adopted = AdoptInput.safeParse(row.input);
  if (row.kind === "adopt" && adopted.success) return resumedAdoption(keeper, manager, adopted.data);
  const cloned = CloneInput.safeParse(row.input);
  if (row.kind === "clone" && cloned.success) return resumedClone(keeper, manager, row, cloned.data);
  const delayed = DelayedStopInput.safeParse(row.input);
  if (row.kind === "stop" && delayed.success) return resumedDelayedStop(keeper, manager, row, delayed.data);
  const input = ActionInput.safeParse(row.input);
  if (!input.success) return failing(row, "its journal entry cannot be read");
  const entry = keeper.byId(input.data.id);
  if (entry && !entry.broken) return manager.resume(entry, input.data);
  // The files are out of sight: for a purge that is nearly its end, for anything else it is the end.
  const purging = input.data.action === "purge" || input.data.purge === true;
  if (!purging) return failing(row, "the instance cannot be read any more");
  if (entry) return manager.resume(entry, { ...input.data, action: "purge" });
  return { work: () => finishPurge(keeper, input.data.id) };
}

function resumedLaunch(
  keeper: Keeper,
  manager: InstanceManager,
  row: JournalRow,
  input: LaunchInput,
): Resumed {
  const known = keeper.byId(input.id);
  // It died before its descriptor was written: what the journal knows is all there is.
  if (known?.broken) keeper.removed(known);
  const entry = known && !known.broken ? known : entryOf(input);
  const again = manager.resume(entry, input);
  if (!row.error) return again;
  return { ...again, work: undoAgain(keeper, entry, manager, EngineError.fromBody(row.error)) };
}

function resumedAdoption(keeper: Keeper, manager: InstanceManager, input: AdoptInput): Resumed {
  const known = keeper.byId(input.id);
  if (known?.broken) keeper.removed(known);
  return adoption(keeper, manager.lanes, known && !known.broken ? known : adoptEntryOf(input));
}

function resumedClone(keeper: Keeper, manager: InstanceManager, row: JournalRow, input: CloneInput): Resumed {
  const known = keeper.byId(input.id);
  if (known?.broken) keeper.removed(known);
  const entry = known && !known.broken ? known : cloneEntryOf(input);
  const source = keeper.byId(input.source);
  if (source && !source.broken && !row.error) return manager.resumeClone(entry, source, input);
  const gone = new EngineError("not-found", `cannot clone to ${input.clone.name}: its source is gone`);
  const failure = row.error ? EngineError.fromBody(row.error) : gone;
  return {
    work: undoAgain(keeper, entry, manager, failure),
    onAccepted: (operation) => manager.lanes.take(entry, "clone", operation),
  };
}

function resumedDelayedStop(
  keeper: Keeper,
  manager: InstanceManager,
  row: JournalRow,
  input: DelayedStopInput,
): Resumed {
  const entry = keeper.byId(input.id);
  if (entry && !entry.broken) return manager.resumeDelayedStop(entry, input);
  return failing(row, "the instance cannot be read any more");
}

/** Goes on taking back what an earlier engine had begun to. */
export function undoAgain(
  keeper: Keeper,
  entry: Entry,
  manager: InstanceManager,
  failure: EngineError,
): Work {
  return manager.lanes.inLane(entry, async (ctx: WorkCtx) => {
    keeper.update(entry, { state: "creating" });
    await takeBack(keeper, entry, ctx, failure);
    throw failure;
  });
}

function failing(row: JournalRow, reason: string): Resumed {
  const error = new EngineError("internal", `cannot resume ${row.kind} of ${row.target}: ${reason}`);
  return { work: () => Promise.reject(error) };
}

function idOf(input: unknown): unknown {
  return typeof input === "object" && input !== null && "id" in input ? input.id : undefined;
}
