/** Errors of a place in the form of all: `cannot <verb> <place>: <reason>`, and what to do next. */
import { EngineError } from "../../../base/errors.ts";

/** What a call is for. */
export type Purpose = { verb: string; place: string };

export const FULL_HINT = "Free some space there: forget old backups and prune, or raise the server's limit.";

export function placeError(
  code: EngineError["code"],
  { verb, place }: Purpose,
  reason: string,
  hint: string,
  more: { cause?: unknown; details?: Record<string, unknown> } = {},
): EngineError {
  return new EngineError(code, `cannot ${verb} ${place}: ${reason}`, { hint, ...more });
}
