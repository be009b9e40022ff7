/** What a failure looks like to a person: the words, how loud, which buttons. Pure. */

import type { EngineError, ErrorCode } from "../base/errors.ts";
import { ERROR_CODES } from "../base/errors.ts";
import { l10n } from "./l10n.ts";
import { capitalised } from "./phrases.ts";

export type Remedy =
  | "retry"
  | "show-log"
  | "open-console"
  | "show-engine-log"
  | "install-qemu"
  | "start-cold"
  | "unlock-keys";

export type Presented = {
  severity: "info" | "warning" | "error";
  text: string;
  remedies: Remedy[];
};

/** What can be offered besides what the code alone allows. */
export type ErrorSituation = {
  /** The same thing can be tried again. */
  canRetry: boolean;
  /** It is about one instance, whose logs and serial console may tell more. */
  instance?: string | undefined;
};

/** Undefined for what the user asked for: a cancelled operation is no news. */
export function presentError(error: EngineError, situation: ErrorSituation): Presented | undefined {
  if (error.code === "cancelled") return undefined;
  return {
    severity: ERROR_CODES[error.code].severity,
    text: sentences(error),
    remedies: remediesFor(error, situation),
  };
}

/** `Cannot start primary: the disk is missing. Recover it from a backup.` */
export function sentences({
  message,
  hint,
}: Pick<EngineError, "message"> & { hint?: string | undefined }): string {
  const first = `${capitalised(message.trim()).replace(/[.!]$/, "")}.`;
  return hint ? `${first} ${capitalised(hint.trim())}` : first;
}

const REMEDIES: Readonly<Record<ErrorCode, readonly Remedy[]>> = {
  "invalid-argument": [],
  "not-found": [],
  "already-exists": [],
  "wrong-state": ["start-cold", "unlock-keys"],
  busy: ["retry"],
  cancelled: [],
  "timed-out": ["retry", "show-log", "open-console"],
  "not-supported": [],
  "missing-dependency": ["install-qemu", "unlock-keys", "retry"],
  "no-resources": ["retry"],
  "permission-denied": ["show-engine-log"],
  unauthenticated: ["retry", "show-engine-log"],
  "guest-unreachable": ["retry", "show-log", "open-console"],
  "place-unreachable": ["retry", "show-engine-log"],
  "download-failed": ["retry", "show-engine-log"],
  "driver-failed": ["show-log", "show-engine-log"],
  "engine-unavailable": ["retry", "show-engine-log"],
  internal: ["show-engine-log"],
};

function remediesFor(error: EngineError, { canRetry, instance }: ErrorSituation): Remedy[] {
  return REMEDIES[error.code].filter((remedy) => {
    if (remedy === "retry") return canRetry;
    if (remedy === "show-log" || remedy === "open-console") return instance !== undefined;
    if (remedy === "start-cold") return error.details?.["cold"] === true && instance !== undefined;
    if (remedy === "install-qemu") return isQemu(error);
    if (remedy === "unlock-keys") return wantsKey(error);
    return true;
  });
}

/** The key of encrypted instances is locked, or there is none yet; a refused launch tells it among its problems. */
function wantsKey({ details }: EngineError): boolean {
  const problems = details?.["problems"];
  const codes = Array.isArray(problems) ? problems.map((one: { code?: unknown }) => one.code) : [];
  return (
    details?.["keys"] !== undefined ||
    codes.includes("encryption-locked") ||
    codes.includes("encryption-homeless")
  );
}

/** Another program may be missing too; then QEMU would not help. */
function isQemu({ details, message }: EngineError): boolean {
  const program = details?.["program"];
  return typeof program === "string" ? /qemu/i.test(program) : /qemu/i.test(message);
}

type Failed = { instance: { name: string }; error: Pick<EngineError, "message"> };

/** `2 of 5 failed. Cannot stop web: it is busy. …`: what became of several at once. */
export function failuresText(failures: readonly Failed[], count: number, most = 3): string {
  const told = failures.slice(0, most).map(({ error }) => sentences({ message: error.message }));
  const rest = failures.length - told.length;
  const more = rest > 0 ? [rest === 1 ? l10n.t("1 more failed.") : l10n.t("{0} more failed.", rest)] : [];
  return [l10n.t("{0} of {1} failed.", failures.length, count), ...told, ...more].join(" ");
}
