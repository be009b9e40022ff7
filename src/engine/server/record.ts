/** Decides, lets it be done, and records both: in the engine's log, and where several use the engine in its audit. */
import { toEngineError } from "../../base/errors.ts";
import type { Asking } from "../access/asking.ts";
import type { RequestContext } from "./access.ts";
import { judge, type Request, type Verdict } from "./authorise.ts";

export type Action<T> = {
  request: Request;
  /** What the request named, for the record. */
  target: string | undefined;
  /** Whether it changes something. What only looks is recorded where it is denied. */
  changes: boolean;
  /** The operation that was begun, in what came of it. */
  operationIn?: (result: T) => string | undefined;
};

/**
 * Runs `work` as who asks. What others than the owner change is not done where it could not be recorded; the owner is never kept
 * out by a record that cannot be written.
 */
export async function decided<T>(
  context: RequestContext,
  action: Action<T>,
  work: (who: Asking | undefined) => Promise<T>,
): Promise<T> {
  const verdict = judge(context.core, context.principal, action.request);
  const { refused } = verdict;
  if (refused) {
    await note(context, action, verdict, { outcome: refused.code });
    throw refused;
  }
  if (!action.changes) return work(verdict.who);
  if (verdict.who) await context.core.audit.ready();
  let result: T;
  try {
    result = await work(verdict.who);
  } catch (error) {
    await note(context, action, verdict, { outcome: toEngineError(error).code });
    throw error;
  }
  await note(context, action, verdict, { outcome: "done", operation: action.operationIn?.(result) });
  return result;
}

type End = { outcome: string; operation?: string | undefined };

async function note<T>(
  context: RequestContext,
  action: Action<T>,
  verdict: Verdict,
  end: End,
): Promise<void> {
  const { core, principal, log, from } = context;
  const { procedure, needs } = action.request;
  const facts = { audit: true, by: principal.name, procedure, target: action.target };
  if (end.outcome === "done") log.info("accepted", facts);
  else log.info("refused", { ...facts, code: end.outcome });
  if (principal.kind === "owner" && !core.access.isShared) return;
  const written = core.audit.record({
    by: principal.name,
    ...(principal.kind === "owner" ? { owner: true } : { credential: principal.credential }),
    ...{ from, procedure, target: action.target, privilege: needs.privilege ?? "", path: verdict.path },
    decision: verdict.refused ? "denied" : "allowed",
    ...end,
  });
  if (principal.kind === "user") return written;
  await written.catch((error: unknown) => log.error("what the owner did could not be recorded", { error }));
}
