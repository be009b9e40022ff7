/** From a started guest to a ready one. */
import type { Problem } from "../../api/instance.ts";
import { abortable, sleep, withDeadline } from "../../base/async.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Exit, Running } from "../drivers/running.ts";
import type { ReadyReport } from "../guest/guest.ts";
import { howToLook } from "../guest/hints.ts";
import { type Entry, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { withLastWords } from "./last-words.ts";
import { openMountsInBackground } from "./mount-serving.ts";

const NOT_READY = "not-ready";
const CLOUD_INIT_FAILED = "cloud-init-failed";

/** A guest's access gives its reason as soon as it is called off. */
const REFUSAL_MS = 500;

/** How long after a container's end its runtime may take to tell how it ended. */
const END_MS = 5_000;

/** How long an adopted guest may take to answer before that is shown as a problem. */
const ADOPTED_READY_MS = 300_000;

/**
 * Resolves when the guest is ready; rejects at once when it fails or ends before. The instance is then `running`.
 * `running` may have ended already: then it is known how.
 */
export async function becomeReady(
  keeper: Keeper,
  entry: Entry,
  running: Running,
  ctx: Ctx,
): Promise<ReadyReport> {
  let report = await readyOrEnded(entry, running, ctx);
  if (entry.running !== running) report = endOf(entry, await abortable(running.exited, ctx.signal));
  if (report === "ended") return endedWell(keeper, entry);
  keeper.update(entry, { state: "running", ready: canTell(entry), problems: readyProblems(entry) });
  await keeper.guestNames.known(ctx.signal, entry);
  return report;
}

/** Of a guest without cloud-init nobody knows more than that it runs. */
function canTell({ record }: Entry): boolean {
  return record.descriptor.guest === "linux";
}

function readyProblems(entry: Entry): Problem[] {
  return without(entry.record.problems, NOT_READY, CLOUD_INIT_FAILED);
}

/** The program of an application may have done all it was for; any other end comes too early. */
function endOf(entry: Entry, exit: Exit): "ended" {
  if (exit.how === "guest-shutdown" && isApplication(entry)) return "ended";
  throw endedEarly(entry, exit);
}

function endedWell(keeper: Keeper, entry: Entry): ReadyReport {
  keeper.update(entry, { state: "stopped", problems: readyProblems(entry) });
  return { cloudInit: "absent", errors: [] };
}

async function readyOrEnded(entry: Entry, running: Running, ctx: Ctx): Promise<ReadyReport | "ended"> {
  ctx.signal.throwIfAborted();
  const waiting = withEnd(ctx.signal);
  const ended = running.exited.then((exit) => endOf(entry, exit));
  ended.catch(() => {}); // It ends one day, whoever waits.
  const ready = running.guest.waitReady({ ...ctx, signal: waiting.signal });
  try {
    return await abortable(Promise.race([ended, ready]), ctx.signal);
  } catch (error) {
    // Who is asked inside may notice its end before it is told outside.
    if (isApplication(entry) && isGone(error)) return await abortable(ended, AbortSignal.timeout(END_MS));
    if (isTimeout(error)) throw await tooLate(error, ready, entry);
    throw await withLastWords(error, running);
  } finally {
    waiting.end();
  }
}

function isApplication({ record }: Entry): boolean {
  return record.descriptor.container?.shape === "application";
}

function isGone(error: unknown): boolean {
  return error instanceof EngineError && error.code === "guest-unreachable";
}

function isTimeout(error: unknown): error is Error {
  return error instanceof Error && error.name === "TimeoutError";
}

/** A guest that refuses to the end says why; of one that never spoke its serial port may tell what it was busy with. */
async function tooLate(error: Error, ready: Promise<unknown>, entry: Entry): Promise<EngineError> {
  const { name } = entry.record.descriptor;
  const refusal = await Promise.race([
    ready.then(
      () => undefined,
      (why: unknown) => why,
    ),
    sleep(REFUSAL_MS),
  ]);
  const why =
    refusal instanceof EngineError
      ? `${refusal.message}; it ${error.message}`
      : `cannot reach ${name}: it ${error.message} to become ready`;
  return new EngineError("timed-out", why, {
    hint: `It may still become ready. What it says meanwhile: ${howToLook(name)}`,
    cause: refusal ?? error,
  });
}

/** A signal that also ends when the race is over, so that the loser stops. */
function withEnd(parent: AbortSignal): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const signal = AbortSignal.any([parent, controller.signal]);
  return { signal, end: () => controller.abort(new DOMException("no longer needed", "AbortError")) };
}

function endedEarly(entry: Entry, exit: Exit): EngineError {
  const { name, container } = entry.record.descriptor;
  const how = exit.how === "crashed" ? `it ended unexpectedly: ${exit.detail}` : "it shut down";
  return new EngineError("guest-unreachable", `cannot reach ${name}: ${how} before it was ready`, {
    hint: container ? `What it printed may say why: berth logs ${name}` : "Its serial log may say why.",
  });
}

/** The failure to become ready as it stays visible on the instance. */
export function notReadyProblem(error: unknown): Problem {
  const { code, message, hint } = toEngineError(error);
  return {
    code: code === "driver-failed" ? CLOUD_INIT_FAILED : NOT_READY,
    severity: code === "driver-failed" ? "error" : "warning",
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Where nobody waits for the guest (it was adopted, or took too long), readiness is found out beside all else. */
export async function readyInBackground(keeper: Keeper, entry: Entry): Promise<void> {
  const running = entry.running;
  const controller = entry.background;
  if (!running || !controller) return;
  const deadline = withDeadline(ADOPTED_READY_MS, controller.signal);
  try {
    const ctx = { signal: deadline.signal, progress: () => {}, log: keeper.log };
    await readyOrEnded(entry, running, ctx);
    if (entry.running !== running) return;
    keeper.update(entry, { ready: canTell(entry), problems: readyProblems(entry) });
    await openMountsInBackground(keeper, entry);
  } catch (error) {
    // Ended, released, or taken over by an operation, which tells for itself.
    if (controller.signal.aborted || entry.running !== running || entry.pending) return;
    const problem = notReadyProblem(error);
    keeper.update(entry, { problems: [...without(entry.record.problems, problem.code), problem] });
  } finally {
    deadline.done();
  }
}
