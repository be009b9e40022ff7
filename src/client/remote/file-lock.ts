/** A lock among processes of ours that change one file: a file beside it, which only one of them can make. */
import { mkdir, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { sleep, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";

/** Nobody holds it for longer than this: who made an older one has died. */
const STALE_MS = 60_000;
const WAIT_MS = 30_000;
const RETRY_MS = 50;

export async function whileLocked<T>(lock: string, parent: AbortSignal, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(lock), { recursive: true, mode: 0o700 });
  await take(lock, parent);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** A file tells nobody that it has gone, so it is tried again. */
async function take(lock: string, parent: AbortSignal): Promise<void> {
  const { signal, done } = withDeadline(WAIT_MS, parent);
  try {
    for (;;) {
      try {
        await (await open(lock, "wx", 0o600)).close();
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const facts = await stat(lock).catch(() => undefined);
      if (facts && Date.now() - facts.mtimeMs > STALE_MS) await rm(lock, { force: true });
      else await sleep(RETRY_MS, signal);
    }
  } catch (error) {
    if (parent.aborted || !signal.aborted) throw error;
    throw new EngineError("busy", `cannot set up SSH: another Berth holds ${lock}`, {
      hint: "Try again; remove that file where no other Berth runs.",
      cause: error,
    });
  } finally {
    done();
  }
}
