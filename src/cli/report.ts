/** Failures in words on stderr, and their exit codes. */
import type { CommanderError } from "commander";
import { type EngineError, ERROR_CODES } from "../base/errors.ts";
import { multipassMessage, multipassUsage } from "./multipass/messages.ts";
import type { Session } from "./session.ts";

const USAGE_EXIT = 1;

/** What cannot be read of the command line. Commander has said it, but for the name `multipass`. */
export function reportUsage(session: Session, error: CommanderError, argv: readonly string[]): number {
  if (error.exitCode === 0) return 0;
  const multipass = session.dialect === "multipass";
  if (multipass) session.note(multipassUsage(error));
  if (error.code === "commander.unknownOption" && argv[0] === "exec" && !argv.includes("--")) {
    session.note(
      multipass
        ? '\nOptions to the inner command should come after "--", like this:\nmultipass exec <instance> -- <command> <arguments>'
        : "Options of the command itself come after --: berth exec <name> -- <command> <options>",
    );
  }
  return USAGE_EXIT;
}

/** Says on stderr what has failed; returns the exit code. */
export function report(session: Session, error: EngineError): number {
  const plain = session.dialect === "multipass";
  session.note(`${session.verb} failed: ${plain ? multipassMessage(error) : error.message}`);
  if (error.hint && !plain) session.note(error.hint);
  if (session.verbosity > 0) {
    session.note(`code: ${error.code}`);
    if (error.details) session.note(`details: ${JSON.stringify(error.details)}`);
    for (let cause = error.cause; cause !== undefined; cause = (cause as Error).cause)
      session.note(`cause: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (session.verbosity > 1 && error.stack) session.note(error.stack);
  // Multipass tells an end of the user's own patience from one of the engine's.
  if (plain && error.code === "timed-out" && !session.hasDeadline) return ERROR_CODES.internal.exit;
  return ERROR_CODES[error.code].exit;
}
