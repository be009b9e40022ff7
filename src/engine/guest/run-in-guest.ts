/** One command inside a guest, run to its end. */
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { GuestAccess } from "./guest.ts";

/** Resolves when it has ended well; rejects with `guest-unreachable`, or with `driver-failed` and its exit code. */
export async function runInGuest(
  guest: GuestAccess,
  argv: readonly string[],
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const { signal, done } = withDeadline(options.timeoutMs, options.signal);
  try {
    const child = await guest.exec({ signal }, { argv });
    const onAbort = () => child.close();
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdin.end();
    child.stdout.resume();
    child.stderr.resume();
    const { code } = await child.exited.finally(() => signal.removeEventListener("abort", onAbort));
    signal.throwIfAborted();
    if (code === 0) return;
    throw new EngineError("driver-failed", `cannot run ${argv[0]} in the guest: it ended with ${code}`);
  } finally {
    done();
  }
}
