/** Multipass's words for what an instance is doing. Pure. */
import type { Instance, InstanceState } from "../../api/instance.ts";
import { isCutOff } from "../format.ts";

const WORDS: Record<InstanceState, string> = {
  creating: "Starting",
  stopped: "Stopped",
  starting: "Starting",
  running: "Running",
  restarting: "Restarting",
  // Multipass has no word for a stop under way: until it has ended, the instance runs.
  stopping: "Running",
  suspending: "Suspending",
  suspended: "Suspended",
  deleted: "Deleted",
  failed: "Unknown",
  unknown: "Unknown",
};

export function multipassState({ state, stopAt, zone }: Pick<Instance, "state" | "stopAt" | "zone">): string {
  if (isCutOff({ state, zone })) return "Unavailable";
  return state === "running" && stopAt !== undefined ? "Delayed Shutdown" : WORDS[state];
}
