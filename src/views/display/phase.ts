/** What a graphical console shows now, from what is known of its instance. Pure. */
import type { Instance } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { actionsOf } from "../items.ts";
import { isBusy } from "../possible.ts";

export type Phase =
  /** The screen itself. */
  | { is: "open" }
  | { is: "connecting" }
  | { is: "busy"; operation: Operation | undefined }
  | { is: "off"; suspended: boolean; canStart: boolean }
  | { is: "lost"; reason: string }
  /** It has no screen. */
  | { is: "none" }
  /** The engine cannot be reached. */
  | { is: "away"; reason: string }
  | { is: "gone" };

export type PhaseInputs = {
  instance: Instance | undefined;
  operation: Operation | undefined;
  /** Why the engine cannot be reached. */
  away: string | undefined;
  /** All instances are known. */
  listed: boolean;
  open: boolean;
  /** The run whose screen was lost, and why. */
  over: { run: string; reason: string } | undefined;
};

export function phaseOf({ instance, operation, away, listed, open, over }: PhaseInputs): Phase {
  if (away !== undefined) return { is: "away", reason: away };
  if (!instance) return listed ? { is: "gone" } : { is: "connecting" };
  if (!instance.display) return { is: "none" };
  if (open && instance.state === "running") return { is: "open" };
  if (instance.state !== "running") {
    if (isBusy(instance, operation)) return { is: "busy", operation };
    const canStart = actionsOf(instance, operation).includes("start");
    return { is: "off", suspended: instance.state === "suspended", canStart };
  }
  if (over?.run === runOf(instance)) return { is: "lost", reason: over.reason };
  return { is: "connecting" };
}

/** Tells one run of an instance from the next. */
export function runOf({ startedAt = "" }: Pick<Instance, "startedAt">): string {
  return startedAt;
}
