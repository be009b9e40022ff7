/**
 * The one error type of Berth and the one table that says what each code means at every boundary.
 * Branch on `code`, never on text. Catch only to add context, to recover, or at a boundary.
 */

type CodeRow = { status: number; exit: number; severity: "info" | "warning" | "error" };

/** code → HTTP status → CLI exit code → how loudly a user interface reports it. */
export const ERROR_CODES = {
  "invalid-argument": { status: 400, exit: 1, severity: "warning" },
  "not-found": { status: 404, exit: 2, severity: "warning" },
  "already-exists": { status: 409, exit: 2, severity: "warning" },
  "wrong-state": { status: 409, exit: 2, severity: "warning" },
  busy: { status: 409, exit: 2, severity: "warning" },
  cancelled: { status: 499, exit: 2, severity: "info" },
  "timed-out": { status: 504, exit: 5, severity: "error" },
  "not-supported": { status: 501, exit: 2, severity: "warning" },
  "missing-dependency": { status: 424, exit: 2, severity: "error" },
  "no-resources": { status: 507, exit: 2, severity: "error" },
  "permission-denied": { status: 403, exit: 2, severity: "error" },
  unauthenticated: { status: 401, exit: 2, severity: "error" },
  "download-failed": { status: 502, exit: 2, severity: "error" },
  "guest-unreachable": { status: 502, exit: 255, severity: "error" },
  "place-unreachable": { status: 502, exit: 2, severity: "error" },
  "driver-failed": { status: 500, exit: 2, severity: "error" },
  "engine-unavailable": { status: 503, exit: 2, severity: "error" },
  internal: { status: 500, exit: 2, severity: "error" },
} as const satisfies Record<string, CodeRow>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What crosses the wire. `message` has the form `cannot <verb> <target>: <reason>`; `hint` is the next thing to do. */
export type ErrorBody = {
  code: ErrorCode;
  message: string;
  hint?: string | undefined;
  details?: Record<string, unknown> | undefined;
};

export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { hint?: string | undefined; details?: Record<string, unknown> | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = more.hint;
    this.details = more.details;
  }

  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  static fromBody(body: ErrorBody): EngineError {
    return new EngineError(body.code, body.message, { hint: body.hint, details: body.details });
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Turns anything thrown into an EngineError: aborts become `cancelled`, system errors get their code's meaning,
 * the rest is `internal`. An EngineError comes back as it is.
 */
export function toEngineError(error: unknown, doing?: string): EngineError {
  if (error instanceof EngineError) return error;
  const text = doing ? `cannot ${doing}: ${messageOf(error)}` : messageOf(error);
  if (error instanceof Error) {
    if (error.name === "AbortError") {
      return new EngineError("cancelled", doing ? `cannot ${doing}: cancelled` : "cancelled", {
        cause: error,
      });
    }
    if (error.name === "TimeoutError") return new EngineError("timed-out", text, { cause: error });
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOSPC" || code === "EDQUOT") {
      return new EngineError("no-resources", text, {
        hint: "Free some disk space, then try again. `berth image prune` removes unused images.",
        cause: error,
      });
    }
    if (code === "EACCES" || code === "EPERM")
      return new EngineError("permission-denied", text, { cause: error });
  }
  return new EngineError("internal", text, { cause: error });
}
