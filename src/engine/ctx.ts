import type { Progress } from "../api/operation.ts";
import type { Log } from "./log.ts";

/**
 * What accompanies every slow call inside the engine, as its first parameter: the signal that cancels it, where its
 * progress goes, where its records go. Pass it on unchanged unless a step needs a deadline of its own.
 */
export type Ctx = {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  readonly log: Log;
};
