/** Calls of a place that are made again, as long as what went wrong may pass by itself. */
import { sleep } from "../../../base/async.ts";
import { type EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { TransientError } from "../../transient.ts";
import { type Purpose, placeError } from "./place-error.ts";

/** Durations in milliseconds; tests make them short. */
export type Patience = {
  /** Before the second attempt; each further one waits twice as long, up to `longestMs`. */
  firstMs: number;
  longestMs: number;
  /** For how long nothing may come of it. */
  forMs: number;
  /** How long a server may be silent before an attempt counts as failed. */
  silentMs: number;
};

/** Long enough for a server that restarts, or a line that is away while a laptop changes networks. */
export const PATIENCE: Patience = { firstMs: 500, longestMs: 30_000, forMs: 5 * 60_000, silentMs: 60_000 };

export type Attempt = {
  /** 1 for the first. A later one may find what an earlier one did, whose answer was lost. */
  readonly number: number;
  /** Something of the work is done for good: patience begins anew. */
  moved(): void;
};

/**
 * Resolves with what an attempt resolves with. A TransientError makes another attempt, everything else is thrown as it
 * is: `cancelled` when the signal aborts, `place-unreachable` when patience ends.
 */
export async function retrying<T>(
  ctx: Ctx,
  patience: Patience,
  purpose: Purpose,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  let movedAt = performance.now(); // Not the clock of the day, which may be set meanwhile.
  let fruitless = 0;
  const moved = () => {
    movedAt = performance.now();
    fruitless = 0;
  };
  for (let number = 1; ; number += 1) {
    try {
      ctx.signal.throwIfAborted();
      return await work({ number, moved });
    } catch (error) {
      if (ctx.signal.aborted) throw toEngineError(ctx.signal.reason, `${purpose.verb} ${purpose.place}`);
      if (!(error instanceof TransientError)) throw error;
      fruitless += 1;
      const waitMs = pauseMs(patience, fruitless, error.afterMs);
      if (performance.now() + waitMs - movedAt > patience.forMs) throw gaveUp(purpose, error);
      const { message: reason } = error;
      ctx.log.warn("a place of backups did not answer", { place: purpose.place, reason, number, waitMs });
      await rest(ctx, purpose, waitMs);
    }
  }
}

/** Never all at once after a server's restart: each by a chance of its own. A server's own wish goes before. */
export function pauseMs(
  patience: Pick<Patience, "firstMs" | "longestMs">,
  fruitless: number,
  afterMs = 0,
  chance = Math.random(),
): number {
  const pause = Math.min(patience.longestMs, patience.firstMs * 2 ** (fruitless - 1));
  return Math.max(pause * (0.75 + chance / 2), afterMs);
}

async function rest(ctx: Ctx, purpose: Purpose, waitMs: number): Promise<void> {
  try {
    await sleep(waitMs, ctx.signal);
  } catch (error) {
    throw toEngineError(error, `${purpose.verb} ${purpose.place}`);
  }
}

function gaveUp(purpose: Purpose, cause: TransientError): EngineError {
  const hint =
    "Look whether the server runs and the network leads to it, then try again: what is there already is not sent again.";
  return placeError("place-unreachable", purpose, cause.message, hint, { cause });
}
