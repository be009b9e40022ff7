import { EngineError } from "../../../base/errors.ts";

/** What cannot be what was written: somebody or something has changed it, or it was never whole. */
export function damaged(what: string, reason: string, cause?: unknown): EngineError {
  return new EngineError("driver-failed", `cannot read ${what}: it is damaged: ${reason}`, {
    hint: "Check the repository; what other backups hold can still be restored.",
    details: { damaged: what },
    cause,
  });
}

/** A disk that cannot read a sector has damaged it; a server that does not answer has damaged nothing. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return (
    typeof error.details?.["damaged"] === "string" || (error.cause as NodeJS.ErrnoException)?.code === "EIO"
  );
}
