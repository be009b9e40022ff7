/** A script of ours in a guest, run to its end for what it prints. */
import type { Readable } from "node:stream";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { GuestAccess } from "./guest.ts";

/** Most that is kept of what a script prints: a guest may print for ever. */
const MAX_OUTPUT_BYTES = 2 ** 20;

/** Runs it through the guest's `sh`; resolves with what it printed, told line by line meanwhile. */
export async function scriptOutput(
  guest: Pick<GuestAccess, "exec">,
  signal: AbortSignal,
  script: string,
  onLine?: (line: string) => void,
): Promise<string> {
  const child = await guest.exec({ signal }, { argv: ["sh", "-c", script] });
  const onAbort = () => child.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    child.stdin.end();
    child.stderr.resume();
    const output = await textOf(child.stdout, onLine);
    await child.exited;
    signal.throwIfAborted();
    return output;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** As `scriptOutput`; rejects with `guest-unreachable` where that takes longer. */
export async function timedOutput(
  guest: Pick<GuestAccess, "exec">,
  parent: AbortSignal,
  script: string,
  { ms, name }: { ms: number; name: string },
): Promise<string> {
  const { signal, done } = withDeadline(ms, parent);
  try {
    return await scriptOutput(guest, signal, script);
  } catch (error) {
    if (parent.aborted || !signal.aborted) throw error;
    const reason = `cannot reach ${name}: it did not answer in ${ms / 1000} s`;
    throw new EngineError("guest-unreachable", reason, {
      hint: "It may be busy; look at its log.",
      cause: error,
    });
  } finally {
    done();
  }
}

/** The stream's text to its end, or to `MAX_OUTPUT_BYTES`. */
async function textOf(stream: Readable, onLine: ((line: string) => void) | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let told = 0;
  for await (const chunk of stream) {
    if (text.length > MAX_OUTPUT_BYTES) continue;
    text += decoder.decode(chunk as Buffer, { stream: true });
    for (let end = text.indexOf("\n", told); onLine && end >= 0; end = text.indexOf("\n", told)) {
      onLine(text.slice(told, end));
      told = end + 1;
    }
  }
  return text;
}
