/** What is said when a guest's console has ended. Pure. */
import type { Instance } from "../api/instance.ts";

/** Undefined stands for an instance that is no more. Where it comes back, so can its console. */
export function consoleEnd(
  name: string,
  instance: Pick<Instance, "state" | "problems"> | undefined,
): { words: string; comesBack: boolean } {
  const state = instance?.state;
  if (state === "restarting" || state === "starting" || state === "running") {
    return { words: `${name} is restarting.`, comesBack: true };
  }
  if (state === "suspending" || state === "suspended") {
    return { words: `${name} has been suspended.`, comesBack: false };
  }
  const crash = instance?.problems.find(({ code }) => code === "ended-unexpectedly");
  return {
    words: crash ? `${name} has stopped: ${crash.message}.` : `${name} has stopped.`,
    comesBack: false,
  };
}
