/** What goes on in the engine, and prints as it goes. */
import { deferred } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import type { Session } from "./session.ts";

/** Until its end; Ctrl-C ends it. `doing` is what was interrupted, in the message. */
export async function showOutput(session: Session, work: RemoteConnection, doing: string): Promise<void> {
  const left = deferred<never>();
  const release = session.takeInterrupts(() =>
    left.reject(new EngineError("cancelled", `cannot ${doing}: cancelled`)),
  );
  work.stdin.end();
  work.stdout.pipe(session.io.stdout, { end: false });
  try {
    await Promise.race([work.exited, left.promise]);
  } finally {
    release();
    work.stdout.unpipe(session.io.stdout);
    work.exited.catch(() => {}); // It has been left.
    work.close();
  }
}
