/**
 * A process in a guest without asking the engine first who it is: one exchange less, and none of the client's code for
 * calls. The stream itself says which protocol it is of; an engine that cannot serve it so, or that is about to leave,
 * declines, and then `connect.ts` is the way.
 */
import { streamPath } from "../api/frames.ts";
import type { ExecOpen } from "../api/streams.ts";
import { currentPaths, type Paths } from "../base/paths.ts";
import type { RemoteProcess } from "./engine-client.ts";
import { openStream } from "./open-stream.ts";
import { isDeclined, isNotRunning } from "./wire.ts";

/** Undefined where no engine runs, or where it must be asked first. Rejects with what the engine has against it. */
export async function execDirectly(
  name: string,
  open: ExecOpen,
  signal: AbortSignal,
  paths: Paths = currentPaths(),
): Promise<RemoteProcess | undefined> {
  if (paths.endpoint.kind === "pipe") return undefined; // It wants a token.
  try {
    return await openStream({ endpoint: paths.endpoint }, streamPath(name, "exec"), open, signal);
  } catch (error) {
    if (isNotRunning(error) || isDeclined(error)) return undefined;
    throw error;
  }
}
