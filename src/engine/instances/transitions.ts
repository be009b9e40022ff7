/** Which action may happen to an instance in which state. Pure, and the only place that knows. */
import type { InstanceState } from "../../api/instance.ts";
import type { ErrorCode } from "../../base/errors.ts";

export const ACTIONS = [
  "launch",
  "start",
  "stop",
  "force-stop",
  "restart",
  "suspend",
  "pause",
  "unpause",
  "delete",
  "recover",
  "purge",
  "release",
  "snapshot",
  "restore",
  "remove-snapshot",
  "update-snapshot",
  "add-port",
  "remove-port",
  "add-network",
  "remove-network",
  "mount",
  "unmount",
  "add-disk",
  "resize-disk",
  "remove-disk",
  "recover-disk",
  "purge-disk",
  "change-medium",
  "update",
  "configure",
  "rename",
  "clone",
] as const;
export type Action = (typeof ACTIONS)[number];

/** What is done to an instance right now; undefined when nothing is. */
export type Pending = Action | undefined;

/**
 * - `run`: do it; with `interrupt`, end what is pending first.
 * - `ignore`: what is asked is already so, or is what is pending.
 * - `denied`: never mind the rest; `reason` completes `cannot <action> <name>: …`.
 */
export type Decision =
  | { do: "run"; interrupt?: true }
  | { do: "ignore" }
  | { do: "denied"; code: ErrorCode; reason: string; hint?: string };

const run: Decision = { do: "run" };
const ignore: Decision = { do: "ignore" };

/** Actions that lead to the same end as what is pending: asking for them again changes nothing. */
const SAME_END: Record<Action, readonly Action[]> = {
  launch: ["start"],
  start: ["start"],
  restart: ["start", "restart"],
  stop: ["stop"],
  "force-stop": ["stop", "force-stop"],
  suspend: ["suspend"],
  pause: ["pause"],
  unpause: ["unpause"],
  delete: ["delete"],
  recover: ["recover"],
  purge: ["purge", "delete"],
  release: ["release"],
  snapshot: [],
  restore: [],
  "remove-snapshot": [],
  "update-snapshot": [],
  "add-port": [],
  "remove-port": [],
  "add-network": [],
  "remove-network": [],
  mount: [],
  unmount: [],
  "add-disk": [],
  "resize-disk": [],
  "remove-disk": [],
  "recover-disk": [],
  "purge-disk": [],
  "change-medium": [],
  update: [],
  configure: [],
  rename: [],
  clone: [],
};

/** Pending actions that pulling the plug cuts short. A launch counts once its guest runs. */
const INTERRUPTIBLE: readonly Action[] = ["launch", "start", "stop", "restart", "suspend"];

/** What may be asked of an instance in a disabled zone: to end, and to be gone. */
const WITHOUT_ZONE: readonly Action[] = ["stop", "force-stop", "delete", "recover", "purge"];

/** `disabledZone` is the name of the instance's zone, where that is disabled. */
export function decide(
  state: InstanceState,
  pending: Pending,
  action: Action,
  disabledZone?: string | undefined,
): Decision {
  if (action === "launch") {
    return denied("already-exists", "an instance of this name already exists", deletedHint(state));
  }
  if (disabledZone !== undefined && !WITHOUT_ZONE.includes(action) && !BEYOND_ZONES.includes(state)) {
    return denied("wrong-state", zoneReason(disabledZone), zoneHint(disabledZone));
  }
  if (pending === undefined) return atRest(state, action);
  if (SAME_END[pending].includes(action)) return ignore;
  if (action === "force-stop" && INTERRUPTIBLE.includes(pending) && state !== "creating") {
    return { do: "run", interrupt: true };
  }
  return denied("busy", `${PENDING_WORDS[pending]} is under way`, "Wait for its end, or cancel it.");
}

/** States in which a zone changes nothing. */
const BEYOND_ZONES: readonly InstanceState[] = ["deleted", "failed"];

export function zoneReason(zone: string): string {
  return `its zone, ${zone}, is disabled`;
}

export function zoneHint(zone: string): string {
  return `Enable it: berth enable-zones ${zone}`;
}

const PENDING_WORDS: Record<Action, string> = {
  launch: "its launch",
  start: "a start",
  stop: "a stop",
  "force-stop": "a forced stop",
  restart: "a restart",
  suspend: "a suspend",
  pause: "a pause",
  unpause: "an unpause",
  delete: "a delete",
  recover: "a recover",
  purge: "a purge",
  release: "a release",
  snapshot: "a snapshot",
  restore: "a restore",
  "remove-snapshot": "the removal of a snapshot",
  "update-snapshot": "a change of a snapshot",
  "add-port": "a change of its ports",
  "remove-port": "a change of its ports",
  "add-network": "a change of its networks",
  "remove-network": "a change of its networks",
  mount: "a mount",
  unmount: "an unmount",
  "add-disk": "a change of its disks",
  "resize-disk": "a change of its disks",
  "remove-disk": "a change of its disks",
  "recover-disk": "a change of its disks",
  "purge-disk": "a change of its disks",
  "change-medium": "a change of its ISO",
  update: "a change of its sizes",
  configure: "a change of its settings",
  rename: "a rename",
  clone: "a clone",
};

/** Actions on what is kept of an instance, rather than on its power or its existence. */
type Upkeep =
  | "release"
  | "add-port"
  | "remove-port"
  | "add-network"
  | "remove-network"
  | "mount"
  | "unmount"
  | "add-disk"
  | "resize-disk"
  | "remove-disk"
  | "recover-disk"
  | "purge-disk"
  | "change-medium"
  | "snapshot"
  | "restore"
  | "remove-snapshot"
  | "update-snapshot"
  | "update"
  | "configure"
  | "rename"
  | "clone";
/** What an instance must be for it; `any` is anything but deleted or broken. Kept memory fits only the hardware it was kept with. */
type Needs = "stopped" | "not suspended" | "any" | "even deleted";
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
  mount: "any",
  unmount: "any",
  "add-disk": "not suspended",
  "resize-disk": "not suspended",
  "remove-disk": "not suspended",
  "recover-disk": "not suspended",
  "purge-disk": "any",
  "change-medium": "not suspended",
  update: "stopped",
  configure: "any",
  rename: "even deleted",
  clone: "stopped",
};

function atRest(state: InstanceState, action: AtRest | Upkeep): Decision {
  return action in UPKEEP ? upkeep(state, UPKEEP[action as Upkeep]) : AT_REST[state][action as AtRest];
}

function upkeep(state: InstanceState, needs: Needs): Decision {
  if (state === "deleted") return needs === "even deleted" ? run : inTrash;
  if (state === "failed" || state === "creating") return broken;
  if (needs === "any" || needs === "even deleted" || state === "stopped") return run;
  if (state === "unknown") return unclear;
  if (state === "suspended") return denied("wrong-state", "it is suspended", "Start it, then stop it.");
  return needs === "not suspended" ? run : denied("wrong-state", "it is running", "Stop it first.");
}

function denied(code: ErrorCode, reason: string, hint?: string): Decision {
  return { do: "denied", code, reason, ...(hint === undefined ? {} : { hint }) };
}

function deletedHint(state: InstanceState): string {
  return state === "deleted"
    ? "It is in the trash: recover or purge it, or choose another name."
    : "Choose another name.";
}
