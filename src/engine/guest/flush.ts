/** What a guest has written and its kernel holds still. */
import type { Ctx } from "../ctx.ts";
import type { GuestAccess } from "./guest.ts";
import { runInGuest } from "./run-in-guest.ts";

const FLUSH_MS = 10_000;

/** It is on the guest's disk when this resolves, as far as the guest answers: best effort. */
export async function flushDisk(guest: GuestAccess, ctx: Pick<Ctx, "signal" | "log">): Promise<void> {
  try {
    await runInGuest(guest, ["sync"], { timeoutMs: FLUSH_MS, signal: ctx.signal });
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log.warn("a guest's disk could not be flushed", { error });
  }
}
