/** How a container has ended, by what its runtime tells of it. Pure. */
import type { RestartPolicy } from "../../../api/container.ts";
import { formatBytes } from "../../../base/units.ts";
import type { Exit } from "../running.ts";
import { type Inspected, isUp } from "./containers.ts";
import type { ContainerInstance } from "./create-body.ts";

/** What a shell adds to the number of the signal that has ended a program. */
const KILLED = 128;
/** The code of what was ended by SIGKILL. */
const WAS_KILLED = KILLED + 9;
const GRACE_MS = 1_500;
/** On a busy host the start of Podman's process that cleans up takes seconds. */
const CLEAN_UP_MS = 15_000;
const SIGNALS: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

/** How it has ended; undefined while it runs, or is about to again. */
export function exitOf(
  found: Pick<Inspected, "State"> | undefined,
  { memoryBytes }: Pick<ContainerInstance, "memoryBytes">,
  stopping: boolean,
): Exit | undefined {
  if (!found)
    return stopping
      ? { how: "stopped" }
      : { how: "crashed", detail: "its container was removed outside of Berth" };
  if (isUp(found)) return undefined;
  const { OOMKilled, ExitCode, Error: words } = found.State;
  if (stopping) return { how: "stopped" };
  const limit = memoryBytes > 0 ? ` (limit ${formatBytes(memoryBytes)})` : "";
  if (OOMKilled) return { how: "crashed", detail: `out of memory${limit}` };
  if (ExitCode === 0) return { how: "guest-shutdown" };
  // Older Podmans never tell that it was for want of memory.
  const perhaps = ExitCode === WAS_KILLED && limit ? `, perhaps out of memory${limit}` : "";
  const how = `${endOf(ExitCode)}${perhaps}`;
  return { how: "crashed", detail: words ? `${how}: ${words}` : how };
}

/**
 * How long what it says of its end may yet change, in milliseconds; 0 where it is all that it will say. Podman calls it
 * stopped, with 0, until a process of its own has cleaned up; and what is about to be removed, or is started again,
 * looks killed or ended for a moment.
 */
export function graceMs({ State }: Pick<Inspected, "State">, restart: RestartPolicy = "no"): number {
  if (State.Status === "stopped" && State.ExitCode === 0) return CLEAN_UP_MS;
  return restart !== "no" || State.ExitCode === WAS_KILLED ? GRACE_MS : 0;
}

function endOf(code: number): string {
  const signal = SIGNALS[code - KILLED];
  return signal ? `its command was ended by ${signal}` : `its command ended with code ${code}`;
}
