/** Suspending: a guest's memory is kept and its hypervisor ends. The next start goes on with it. */
import { EngineError } from "../../base/errors.ts";
import { flushDisk } from "../guest/flush.ts";
import { runInGuest } from "../guest/run-in-guest.ts";
import type { WorkCtx } from "../operations.ts";
import { hasImage } from "../store/record.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { backToRest, reasonOf } from "./power.ts";

const CLOCK_MS = 10_000;

/** Throws where the guest that runs cannot be suspended. */
export function checkSuspend(entry: Entry): void {
  const { running, record } = entry;
  if (running?.nativeMounts && running.nativeMounts.size > 0) {
    const reason = `cannot suspend ${nameOf(entry)}: a native mount keeps its memory from being saved`;
    throw new EngineError("not-supported", reason, {
      hint: "Unmount it and restart, or use classic mounts.",
    });
  }
  if (!running || running.suspend) return;
  const why = running.whyNoSuspend ?? `the driver ${record.descriptor.driver} cannot do that on this host`;
  const reason = `cannot suspend ${nameOf(entry)}: ${why}`;
  const hint = running.pause ? `Pause it: berth pause ${nameOf(entry)}` : "Stop it instead.";
  throw new EngineError("not-supported", reason, { hint });
}

export async function suspend(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  try {
    const { running } = entry;
    if (running) {
      checkSuspend(entry);
      ctx.progress({ phase: "suspend" });
      // Should its memory never be used again, its disk is that of a guest whose power was cut.
      if (entry.ready) await flushDisk(running.guest, ctx);
      await running.suspend?.(ctx);
      await running.exited;
      keeper.detached(entry, running);
    }
    // Without a guest: an engine that died has done it all, or the guest ended with the host.
    await lookForMemory(keeper, entry);
    if (!entry.suspended) throw endedBefore(entry);
    keeper.update(entry, { state: "suspended", problems: without(entry.record.problems, "not-ready") });
  } catch (error) {
    backToRest(keeper, entry, ctx);
    throw reasonOf(ctx, error);
  }
}

function endedBefore(entry: Entry): EngineError {
  const reason = `cannot suspend ${nameOf(entry)}: it ended before its memory was kept`;
  return new EngineError("driver-failed", reason, { hint: "Start it anew." });
}

/** Finds out whether memory is kept for the instance. */
export async function lookForMemory(keeper: Keeper, entry: Entry): Promise<void> {
  const driver = keeper.driverOf(entry);
  if (!driver.isSuspended || !hasImage(entry.record.descriptor)) {
    entry.suspended = false;
    return;
  }
  entry.suspended = await driver.isSuspended(await keeper.driverInstance(entry, { withoutKeys: true }));
}

/** Throws kept memory away, because the user said so; no effect where there is none. */
export async function discardMemory(keeper: Keeper, entry: Entry): Promise<void> {
  await lookForMemory(keeper, entry);
  if (!entry.suspended) return;
  const instance = await keeper.driverInstance(entry, { withoutKeys: true });
  await keeper.driverOf(entry).discardMemory?.(instance);
  entry.suspended = false;
}

/** The guest's clock has stood still meanwhile. Best effort: it may have a way of its own to set it. */
export async function setClock(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  const seconds = Math.round(keeper.now().getTime() / 1000);
  try {
    const argv = ["sudo", "-n", "date", "-u", "-s", `@${seconds}`];
    if (entry.running)
      await runInGuest(entry.running.guest, argv, { timeoutMs: CLOCK_MS, signal: ctx.signal });
  } catch (error) {
    ctx.log.warn("the clock of a resumed guest could not be set", { error });
  }
}
