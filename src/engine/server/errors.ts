/** Between what the engine throws and what crosses the wire. */

import type { ServerResponse } from "node:http";
import { ORPCError } from "@orpc/server";
import {
  EngineError,
  ERROR_CODES,
  type ErrorBody,
  type ErrorCode,
  isErrorCode,
  toEngineError,
} from "../../base/errors.ts";
import type { Log } from "../log.ts";

type Issue = { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined };
type WireError = ORPCError<ErrorCode, Pick<ErrorBody, "hint" | "details">>;

/**
 * The error that a client may see. What nobody foresaw becomes `internal`: its text and stack go to the log, not to
 * the client.
 */
export function toPublicError(error: unknown, doing: string, log: Log): EngineError {
  const known = fromValidation(error) ?? toEngineError(error);
  if (known.code !== "internal") return known;
  log.error("a request failed unexpectedly", { doing, error });
  return new EngineError("internal", `cannot ${doing}: the engine met an error that it did not expect`, {
    hint: "The engine's log has the details.",
  });
}

export function toWireError(error: EngineError): WireError {
  const { code, message, hint, details } = error.toBody();
  return new ORPCError(code, { status: ERROR_CODES[code].status, message, data: { hint, details } });
}

/** The body of every failed response: an ErrorBody, the same as in operations and byte streams. */
export function toErrorBody(error: { code: string; message: string; data: unknown }): ErrorBody {
  const data = (error.data ?? {}) as Pick<ErrorBody, "hint" | "details">;
  const code = isErrorCode(error.code) ? error.code : "internal";
  return new EngineError(code, error.message, { hint: data.hint, details: data.details }).toBody();
}

/** Answers a request that never reached a procedure. */
export function respondWithError(response: ServerResponse, error: EngineError): void {
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify(error.toBody());
  response.writeHead(ERROR_CODES[error.code].status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close", // What is left of the request is not read.
  });
  response.end(body);
}

/** oRPC reports what zod found as BAD_REQUEST with the issues; a user wants one sentence. */
function fromValidation(error: unknown): EngineError | undefined {
  if (!(error instanceof ORPCError) || error.code !== "BAD_REQUEST") return undefined;
  const issues: Issue[] = (error.data as { issues?: Issue[] } | undefined)?.issues ?? [];
  const words = issues.slice(0, 5).map(describeIssue).join("; ") || error.message;
  return new EngineError("invalid-argument", `cannot accept the request: ${words}`, {
    details: { issues: issues.map(({ message, path }) => ({ message, path: pathOf(path) })) },
    cause: error,
  });
}

function describeIssue(issue: Issue): string {
  const where = pathOf(issue.path);
  return where ? `${where}: ${issue.message}` : issue.message;
}

function pathOf(path: Issue["path"]): string {
  return (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}
