/** A connection to the Unix socket on which QEMU serves a guest's screen. */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { deferred, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";

/** QEMU takes a connection at once; one that hangs does not. */
const CONNECT_MS = 5_000;

export async function connectDisplay(name: string, screen: string, signal: AbortSignal): Promise<Duplex> {
  const deadline = withDeadline(CONNECT_MS, signal);
  const socket = connect(screen);
  const connected = deferred<void>();
  const onAbort = () => connected.reject(deadline.signal.reason);
  socket.once("connect", connected.resolve);
  socket.once("error", connected.reject);
  deadline.signal.addEventListener("abort", onAbort, { once: true });
  try {
    deadline.signal.throwIfAborted();
    await connected.promise;
    socket.off("error", connected.reject);
    return socket;
  } catch (cause) {
    socket.on("error", () => {}).destroy();
    signal.throwIfAborted();
    throw new EngineError("driver-failed", `cannot open the display of ${name}: its QEMU does not answer`, {
      hint: `Look at its driver log: berth log ${name} --source driver`,
      cause,
    });
  } finally {
    deadline.signal.removeEventListener("abort", onAbort);
    deadline.done();
  }
}
