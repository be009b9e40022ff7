/** The connection to a guest's serial port. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { EngineError } from "../../../base/errors.ts";
import type { ConsoleAt } from "./argv-console.ts";

/** Resolves when QEMU has it. QEMU serves one at a time: a second one waits until the first has gone. */
export async function connectConsole(name: string, at: ConsoleAt, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = "path" in at ? connect(at.path) : connect(at.port, "127.0.0.1");
  try {
    await once(socket, "connect", { signal });
    return socket.setNoDelay(true);
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw new EngineError("driver-failed", `cannot open the console of ${name}: its QEMU does not answer`, {
      hint: "Look at its driver log.",
      cause,
    });
  }
}
