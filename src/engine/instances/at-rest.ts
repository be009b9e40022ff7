/** Which action may happen to an instance with which nothing is done, by its state. Pure. */
import type { InstanceState } from "../../api/instance.ts";
import { type Decision, denied, ignore, run } from "./decision.ts";
import type { Action } from "./transitions.ts";

/** Actions on what is kept of an instance, rather than on its power or its existence. */
type Upkeep =
  | "release"
  | "add-port"
  | "remove-port"
  | "add-network"
  | "remove-network"
  | "change-network"
  | "mount"
  | "unmount"
  | "add-disk"
  | "resize-disk"
  | "remove-disk"
  | "recover-disk"
  | "purge-disk"
  | "change-medium"
  | "rotate-key"
  | "snapshot"
  | "restore"
  | "remove-snapshot"
  | "update-snapshot"
  | "update"
  | "configure"
  | "rename"
  | "clone"
  | "backup"
  | "restore-backup"
  | "export"
  | "import"
  | "mark-move";
/**
 * What an instance must be for it; `any` is anything but deleted or broken, and `known` one of which is known besides
 * whether it runs. Kept memory fits only the hardware it was kept with.
 */
type Needs = "stopped" | "not suspended" | "known" | "any" | "even deleted";
type AtRest = Exclude<Action, "launch" | Upkeep>;

const notRunning = denied("wrong-state", "it is not running", "Start it first.");
const inTrash = denied("wrong-state", "it is deleted", "Recover it first, or purge it for good.");
const notInTrash = denied("wrong-state", "it is not deleted", "Delete it first.");
const broken = denied("wrong-state", "it is broken", "Its problems say why. It can be purged.");
const unclear = denied("wrong-state", "whether it runs is not known", "Force stop it first.");

const STOPPED: Record<AtRest, Decision> = {
  start: run,
  stop: ignore,
  "force-stop": ignore,
  restart: notRunning,
  suspend: notRunning,
  pause: notRunning,
  unpause: notRunning,
  delete: run,
  recover: ignore,
  purge: notInTrash,
};

const RUNNING: Record<AtRest, Decision> = {
  start: ignore,
  stop: run,
  "force-stop": run,
  restart: run,
  suspend: run,
  pause: run,
  unpause: run,
  delete: run,
  recover: ignore,
  purge: notInTrash,
};

const BROKEN: Record<AtRest, Decision> = {
  ...STOPPED,
  start: broken,
  restart: broken,
  suspend: broken,
  pause: broken,
  unpause: broken,
  delete: broken,
  purge: run,
};

/** One row per state. The transitional ones are at rest only when an engine died in the middle: ending is allowed. */
const AT_REST: Record<InstanceState, Record<AtRest, Decision>> = {
  creating: BROKEN,
  stopped: STOPPED,
  starting: { ...RUNNING, start: run },
  running: RUNNING,
  restarting: { ...RUNNING, start: run },
  stopping: { ...RUNNING, start: run },
  suspending: { ...RUNNING, start: unclear, restart: unclear, pause: unclear, unpause: unclear },
  suspended: { ...STOPPED, "force-stop": run, suspend: ignore },
  deleted: {
    start: inTrash,
    stop: inTrash,
    "force-stop": inTrash,
    restart: inTrash,
    suspend: inTrash,
    pause: inTrash,
    unpause: inTrash,
    delete: ignore,
    recover: run,
    purge: run,
  },
  failed: BROKEN,
  unknown: {
    ...RUNNING,
    start: unclear,
    restart: unclear,
    suspend: unclear,
    pause: unclear,
    unpause: unclear,
  },
};

/** Those that touch the disk need it to be nobody else's. */
const UPKEEP: Record<Upkeep, Needs> = {
  release: "any",
  snapshot: "stopped",
  restore: "stopped",
  "remove-snapshot": "stopped",
  "update-snapshot": "any",
  "add-port": "any",
  "remove-port": "any",
  "add-network": "stopped",
  "remove-network": "stopped",
  "change-network": "not suspended",
  mount: "any",
  unmount: "any",
  "add-disk": "not suspended",
  "resize-disk": "not suspended",
  "remove-disk": "not suspended",
  "recover-disk": "not suspended",
  "purge-disk": "any",
  "change-medium": "not suspended",
  // Kept memory is sealed by the key that it had then.
  "rotate-key": "stopped",
  update: "stopped",
  configure: "any",
  rename: "even deleted",
  clone: "stopped",
  backup: "known",
  "restore-backup": "stopped",
  export: "known",
  import: "stopped",
  "mark-move": "even deleted",
};

export function atRest(state: InstanceState, action: AtRest | Upkeep): Decision {
  return action in UPKEEP ? upkeep(state, UPKEEP[action as Upkeep]) : AT_REST[state][action as AtRest];
}

function upkeep(state: InstanceState, needs: Needs): Decision {
  if (state === "deleted") return needs === "even deleted" ? run : inTrash;
  if (state === "failed" || state === "creating") return broken;
  if (needs === "any" || needs === "even deleted" || state === "stopped") return run;
  if (state === "unknown") return unclear;
  if (needs === "known") return run;
  if (state === "suspended") return denied("wrong-state", "it is suspended", "Start it, then stop it.");
  return needs === "not suspended" ? run : denied("wrong-state", "it is running", "Stop it first.");
}
