/** What each mode promises of what a guest reaches, and what to make of what was found. Pure. */
import { leadsOut, type NetworkMode, segmentOf } from "../../api/network-mode.ts";
import type { ReachKind, ReachProbe } from "../../api/reach-test.ts";

/** How it is run, as far as promises depend on that. */
export type Runs = {
  isContainer: boolean;
  /** A guest with a way out is kept from this host's loopback. */
  keepsLoopback: boolean;
};

export function promiseOf(mode: NetworkMode, kind: ReachKind, runs: Runs): ReachProbe["promised"] {
  const out = leadsOut(mode);
  switch (kind) {
    case "host-loopback":
      return out && !runs.keepsLoopback ? "open" : "not-reached";
    case "host-address":
      if (out) return "reached";
      // In a network of its runtime this host has an address, where it is met.
      return runs.isContainer && mode !== "isolated" ? "open" : "not-reached";
    case "internet":
      return out ? "reached" : "not-reached";
    case "same-network":
      return segmentOf(mode) === undefined ? "not-reached" : "reached";
    case "other-network":
      return "not-reached";
  }
}

export function verdictOn(
  promised: ReachProbe["promised"],
  found: ReachProbe["found"],
): ReachProbe["verdict"] {
  if (found === "unknown") return "unknown";
  if (promised === "open") return found === "reached" ? "warning" : "ok";
  return promised === found ? "ok" : "broken";
}
