/** Which step of a move may be written down after which. Pure. */
import type { MoveMark } from "../../api/move.ts";
import { EngineError } from "../../base/errors.ts";
import { MOVE_HINT } from "./transitions.ts";

/** Throws `wrong-state` where somebody else moves it, or has taken the move back in its middle. */
export function checkMark(
  { name, move }: { name: string; move?: MoveMark | undefined },
  next: MoveMark | undefined,
): void {
  if (!next || next.id === move?.id || (!move && next.step === "stop")) return;
  const reason = move ? `it is moved to ${move.to} already` : "its move has been taken back";
  throw new EngineError("wrong-state", `cannot move ${name}: ${reason}`, {
    hint: move ? MOVE_HINT : `Begin it again: berth move ${name} --to TARGET`,
  });
}
