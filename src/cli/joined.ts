/** A stream with a guest that goes on without this terminal: joined to it until the guest ends it, or until it is left. */
import { deferred } from "../base/async.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import { untilLeft } from "./console-keys.ts";
import type { Session } from "./session.ts";

const INTERRUPTED_EXIT = 130;
const TERMINATED_EXIT = 143;

/**
 * What a guest may have left behind on a terminal: attributes, margins, a hidden cursor, another set of characters,
 * reports of the mouse, keys sent in another way.
 */
export const RESET = "\x1b[!p\x1b(B\x0f\x1b[?1000;1002;1003;1006;2004l\x1b[<u\x1b[>4m\x1b[?25h";

/** Resolves when the guest's side has ended, or when the user has left. */
export async function join(session: Session, remote: RemoteConnection): Promise<"ended" | "left"> {
  const { stdin, stdout } = session.io;
  const left = deferred<"left">();
  const leave = (exitCode: number) => {
    session.exitCode = exitCode;
    left.resolve("left");
  };
  const terminate = () => leave(TERMINATED_EXIT);
  const release = session.takeInterrupts(() => leave(INTERRUPTED_EXIT));
  process.on("SIGTERM", terminate);
  remote.stdin.on("error", () => {}); // The guest's end tells.
  remote.stdout.pipe(stdout, { end: false });
  const letGo = type(session, remote, () => leave(0));
  try {
    return await Promise.race([remote.exited.then(() => "ended" as const), left.promise]);
  } finally {
    process.off("SIGTERM", terminate);
    release();
    letGo();
    remote.stdout.unpipe(stdout);
    remote.exited.catch(() => {}); // It has been left.
    remote.close();
    if (stdin.isTTY && stdout.isTTY) stdout.write(`${RESET}\r\n`);
  }
}

/** Sends what is typed; returns what gives the keyboard back. Nothing that is read ends the guest's side. */
function type({ io: { stdin } }: Session, remote: RemoteConnection, leave: () => void): () => void {
  if (!stdin.isTTY) {
    stdin.pipe(remote.stdin, { end: false });
    return () => void stdin.unpipe(remote.stdin).pause();
  }
  const onData = (chunk: Buffer) => {
    const { typed, leaves } = untilLeft(chunk);
    if (typed.length > 0) remote.stdin.write(typed, leaves ? leave : undefined);
    else if (leaves) leave();
  };
  stdin.setRawMode(true);
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData).pause();
    stdin.setRawMode(false);
  };
}
