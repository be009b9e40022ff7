/** What is said where the engine's key is not at hand, and what to do about it. */
import type { KeyStatus } from "../../api/keys.ts";
import { EngineError, type ErrorCode } from "../../base/errors.ts";

/** Why something cannot be done, before it is said what. `details.keys` is for user interfaces. */
export type Refusal = {
  code: ErrorCode;
  reason: string;
  hint?: string | undefined;
  details: { keys: "none" | "locked" | "passphrase" };
};

export function refused(doing: string, { code, reason, hint, details }: Refusal): EngineError {
  return new EngineError(code, `cannot ${doing}: ${reason}`, { hint, details });
}

export const LOCKED: Refusal = {
  code: "wrong-state",
  reason: "the engine's key is locked",
  hint: "Unlock it: berth keys unlock",
  details: { keys: "locked" },
};

export const ABSENT: Refusal = {
  code: "not-found",
  reason: "there is none yet",
  hint: "Make it: berth keys init",
  details: { keys: "none" },
};

export const WANTS_PASSPHRASE: Refusal = {
  code: "invalid-argument",
  reason: "a passphrase protects it, and none is given",
  details: { keys: "passphrase" },
};

/** Instances have been encrypted by it, and it is not there. */
export function lost(directory: string): Refusal {
  const hint = `Put back ${directory} from a backup.`;
  return { code: "wrong-state", reason: "the engine's key is gone", hint, details: { keys: "none" } };
}

/** There is no key, and no keychain that could keep one. */
export function homeless({ problem, hint }: KeyStatus["keychain"]): Refusal {
  const otherwise = "Protect it by a passphrase: berth keys init --passphrase";
  return {
    code: "missing-dependency",
    reason: `the engine's key has no safe place: ${problem ?? "there is no keychain"}`,
    hint: hint === undefined ? otherwise : `${otherwise}. Or: ${hint}`,
    details: { keys: "none" },
  };
}

export function unreachable({ problem, hint }: KeyStatus["keychain"]): Refusal {
  const reason = `the engine's key is out of reach: ${problem}`;
  return { code: "missing-dependency", reason, hint, details: { keys: "locked" } };
}
