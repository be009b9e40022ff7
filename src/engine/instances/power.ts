/** Start, stop and restart. Each step may run again after an engine died in its middle. */
import { DEFAULTS, type Problem } from "../../api/instance.ts";
import { abortable, withDeadline } from "../../base/async.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Running } from "../drivers/running.ts";
import type { WorkCtx } from "../operations.ts";
import { awaitingOf } from "./arrival-words.ts";
import { flushContainersIn, stopContainersIn } from "./container-host.ts";
import { type Entry, nameOf, takenOver, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { isBlank } from "./machine.ts";
import { refuseMissingMedium } from "./media.ts";
import { openMounts } from "./mount-serving.ts";
import { refuseMounts } from "./mounts.ts";
import { openPorts } from "./port-work.ts";
import { becomeReady, notReadyProblem, readyInBackground } from "./ready.ts";
import type { Arriving } from "./serving.ts";
import { discardMemory, lookForMemory, setClock } from "./suspend.ts";

const START_FAILED = "start-failed";

/** How long a hypervisor may take to end when its plug is pulled. */
const FORCE_STOP_MS = 30_000;

/** Boots, or goes on where a suspended guest was; with `cold` that memory is thrown away. */
export async function start(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { cold = false }: { cold?: boolean | undefined } = {},
): Promise<void> {
  const deadline = withDeadline(DEFAULTS.launchTimeoutMs, ctx.signal);
  try {
    const timed = { ...ctx, signal: deadline.signal };
    const resumes = !entry.running && entry.suspended && !cold;
    // Calling it off would pull the plug of a guest that has gone on, and what it holds would be lost.
    if (resumes) ctx.commit();
    let { running } = entry;
    if (!running && cold) await discardMemory(keeper, entry);
    if (running) await running.wake?.();
    else running = await boot(keeper, entry, timed);
    const report = await becomeReady(keeper, entry, running, timed);
    if (resumes && entry.ready) await setClock(keeper, entry, ctx);
    for (const error of report.errors) ctx.warn(`cloud-init: ${error}`);
    for (const failure of await openMounts(keeper, entry, timed)) ctx.warn(failure);
  } catch (error) {
    await afterFailedStart(keeper, entry, ctx, error);
    throw reasonOf(ctx, error);
  } finally {
    deadline.done();
  }
}

/** Starts the hypervisor; the guest is then `starting`, unless it has ended already. */
export async function boot(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<Running> {
  ctx.progress({ phase: "boot" });
  const instance = await keeper.driverInstance(entry);
  await refuseMissingImage(keeper, entry);
  await refuseMissingMedium(keeper, entry);
  ctx.signal.throwIfAborted();
  const driver = keeper.driverOf(entry);
  const running = entry.record.descriptor.awaited
    ? await arriving(keeper, entry).begin(ctx, entry, (awaited) =>
        driver.start(ctx, { ...instance, awaited }),
      )
    : await driver.start(ctx, instance);
  entry.suspended = false;
  const state = entry.record.state === "restarting" ? "restarting" : "starting";
  keeper.attached(entry, running, { state, problems: [] });
  await openPorts(keeper, entry, ctx);
  return running;
}

/** A guest on half a disk would take for zeros what is not there yet. */
function arriving(keeper: Keeper, entry: Entry): Arriving {
  if (keeper.serving.arriving) return keeper.serving.arriving;
  throw new EngineError("not-supported", `cannot start ${nameOf(entry)}: ${awaitingOf(entry)}`);
}

/** A container's is its runtime's to look after; what that shows of this host must be allowed still. */
async function refuseMissingImage(keeper: Keeper, entry: Entry): Promise<void> {
  const { base, name, container, mounts } = entry.record.descriptor;
  if (container) return mounts.length > 0 ? refuseMounts(keeper, name) : undefined;
  if (base && (isBlank(base) || (await keeper.images.get(base.id)))) return;
  throw new EngineError("not-found", `cannot start ${name}: the image that its disk stands on is gone`, {
    hint: base ? `Put back ${base.path}.` : undefined,
  });
}

/** A guest that did not start is stopped; one that did not become ready goes on, unless it was the user who gave up. */
async function afterFailedStart(keeper: Keeper, entry: Entry, ctx: WorkCtx, error: unknown): Promise<void> {
  if (ctx.abandoned || takenOver(entry, ctx.operationId)) return;
  if (ctx.signal.aborted) await pullPlug(keeper, entry, ctx);
  if (!entry.running) await lookForMemory(keeper, entry);
  if (ctx.signal.aborted && !entry.running) return keeper.update(entry, { state: restState(entry) });
  showFailedStart(keeper, entry, error);
}

/** Leaves the instance as its guest is, with what went wrong. A guest that took too long may still become ready. */
export function showFailedStart(keeper: Keeper, entry: Entry, error: unknown): void {
  const problem = entry.running ? notReadyProblem(error) : startFailed(error);
  const problems = [...without(entry.record.problems, problem.code), problem];
  keeper.update(entry, { state: restState(entry), problems });
  if (toEngineError(error).code === "timed-out") void readyInBackground(keeper, entry);
}

function startFailed(error: unknown): Problem {
  const { message, hint } = toEngineError(error);
  return {
    code: START_FAILED,
    severity: "error",
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** The signal's reason where that is why the work failed: drivers may word an abort in their own way. */
export function reasonOf(ctx: Pick<Ctx, "signal">, error: unknown): unknown {
  return ctx.signal.aborted ? ctx.signal.reason : error;
}

/** Ends a guest that nobody waits for any more; a failure to do so stays visible on the instance. */
export async function pullPlug(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const running = entry.running;
  if (!running) return;
  const deadline = withDeadline(FORCE_STOP_MS);
  try {
    await running.stop({ ...ctx, signal: deadline.signal }, "force");
    await abortable(running.exited, deadline.signal);
    keeper.detached(entry, running);
  } catch (error) {
    keeper.log.error("a guest could not be ended", { instance: entry.record.descriptor.name, error });
  } finally {
    deadline.done();
  }
}

export async function stop(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  how: "graceful" | "force",
): Promise<void> {
  try {
    if (how === "force") await flushContainersIn(keeper, entry, ctx);
    await end(keeper, entry, ctx, how);
    if (how === "force") await discardMemory(keeper, entry);
    keeper.update(entry, { state: restState(entry), problems: without(entry.record.problems, "not-ready") });
  } catch (error) {
    backToRest(keeper, entry, ctx);
    throw reasonOf(ctx, error);
  }
}

/** Resolves when nothing of the instance runs any more. */
export async function end(keeper: Keeper, entry: Entry, ctx: Ctx, how: "graceful" | "force"): Promise<void> {
  ctx.signal.throwIfAborted();
  const running = entry.running;
  if (!running) return endUnknown(keeper, entry, ctx, how);
  ctx.progress({ phase: "stop" });
  if (how === "graceful") await stopContainersIn(keeper, entry, ctx);
  // What is halted cannot hear that it shall end.
  if (running.paused) await running.unpause?.(ctx);
  await running.stop(ctx, how);
  await abortable(running.exited, ctx.signal);
  keeper.detached(entry, running);
}

/** What could not be adopted may run all the same: look again, and end it by other means when forced to. */
async function endUnknown(keeper: Keeper, entry: Entry, ctx: Ctx, how: "graceful" | "force"): Promise<void> {
  const { descriptor } = entry.record;
  if (!isUnclear(entry)) return;
  const driver = keeper.driverOf(entry);
  const instance = await keeper.driverInstance(entry);
  try {
    const running = await driver.attach(ctx, instance);
    if (running) {
      keeper.attached(entry, running, {});
      await end(keeper, entry, ctx, how);
    }
  } catch (error) {
    if (how === "graceful") {
      throw new EngineError("driver-failed", `cannot stop ${descriptor.name}: ${messageOf(error)}`, {
        hint: `Force it: berth stop --force ${descriptor.name}`,
        cause: error,
      });
    }
    await driver.delete(ctx, instance);
  }
  keeper.update(entry, { problems: without(entry.record.problems, "attach-failed") });
}

/**
 * `since` is when the run that is to end had begun, as it was journaled: a later run is the one that this restart
 * has started already, before an engine died.
 */
export async function restart(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  since: string | undefined,
): Promise<void> {
  if (entry.running && entry.running.startedAt.toISOString() === since) {
    try {
      await end(keeper, entry, ctx, "graceful");
    } catch (error) {
      backToRest(keeper, entry, ctx);
      throw reasonOf(ctx, error);
    }
    keeper.update(entry, { state: "restarting", ready: false, problems: [] });
  }
  await start(keeper, entry, ctx);
}

/** After an action that did not come to its end: what the instance does is what its guest does. */
export function backToRest(keeper: Keeper, entry: Entry, ctx: WorkCtx): void {
  if (ctx.abandoned || takenOver(entry, ctx.operationId)) return;
  keeper.update(entry, { state: restState(entry) });
}

function restState(entry: Entry): "running" | "stopped" | "suspended" | "unknown" {
  if (entry.running) return "running";
  if (isUnclear(entry)) return "unknown";
  return entry.suspended ? "suspended" : "stopped";
}

/** It could not be adopted, and nothing has told since whether it runs. */
function isUnclear(entry: Entry): boolean {
  return entry.record.problems.some((problem) => problem.code === "attach-failed");
}
