/** What is said to whoever asks for an action. */
import type { ErrorCode } from "../../base/errors.ts";

/**
 * - `run`: do it; with `interrupt`, end what is pending first.
 * - `ignore`: what is asked is already so, or is what is pending.
 * - `denied`: never mind the rest; `reason` completes `cannot <action> <name>: …`.
 */
export type Decision =
  | { do: "run"; interrupt?: true }
  | { do: "ignore" }
  | { do: "denied"; code: ErrorCode; reason: string; hint?: string };

export const run: Decision = { do: "run" };
export const ignore: Decision = { do: "ignore" };

export function denied(code: ErrorCode, reason: string, hint?: string): Decision {
  return { do: "denied", code, reason, ...(hint === undefined ? {} : { hint }) };
}
