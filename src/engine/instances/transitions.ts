/** Which action may happen to an instance in which state. Pure, and with `at-rest.ts` the only place that knows. */
import type { InstanceState } from "../../api/instance.ts";
import { atRest } from "./at-rest.ts";
import { type Decision, denied, ignore } from "./decision.ts";

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
  "change-network",
  "mount",
  "unmount",
  "add-disk",
  "resize-disk",
  "remove-disk",
  "recover-disk",
  "purge-disk",
  "change-medium",
  "rotate-key",
  "update",
  "configure",
  "rename",
  "clone",
  "backup",
  "restore-backup",
  "export",
  "import",
  "mark-move",
] as const;
export type Action = (typeof ACTIONS)[number];

/** What is done to an instance right now; undefined when nothing is. */
export type Pending = Action | undefined;

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
  "change-network": [],
  mount: [],
  unmount: [],
  "add-disk": [],
  "resize-disk": [],
  "remove-disk": [],
  "recover-disk": [],
  "purge-disk": [],
  "change-medium": [],
  "rotate-key": [],
  update: [],
  configure: [],
  rename: [],
  clone: [],
  backup: [],
  "restore-backup": [],
  export: [],
  import: [],
  "mark-move": [],
};

/** Pending actions that pulling the plug cuts short. A launch counts once its guest runs. */
const INTERRUPTIBLE: readonly Action[] = ["launch", "start", "stop", "restart", "suspend", "export"];

/** What ends a backup that reads its disks: nobody waits for that to use or to leave an instance. */
const ENDS_BACKUP: readonly Action[] = ["start", "stop", "force-stop", "restart", "suspend", "delete"];

/** What a backup does not mind, and is not minded by: the disks stay as they are. */
export const BESIDE_BACKUP: readonly Action[] = [
  "add-port",
  "remove-port",
  "change-network",
  "mount",
  "unmount",
  "configure",
  "change-medium",
  "update-snapshot",
];

/** What may be asked of an instance in a disabled zone: to end, and to be gone. */
const WITHOUT_ZONE: readonly Action[] = ["stop", "force-stop", "delete", "recover", "purge"];

/** What may be asked of an instance that is being moved, or has moved: what the move does itself, and to be gone. */
const WHILE_MOVED: readonly Action[] = [
  ...(["stop", "force-stop", "delete", "recover", "purge"] as const),
  ...(["export", "backup", "mark-move"] as const),
];

/** What may be asked of an instance whose disks are not whole: whatever leaves them to its guest. */
const WHILE_AWAITING: readonly Action[] = [
  ...(["start", "stop", "force-stop", "restart", "delete", "recover", "purge"] as const),
  ...(["add-port", "remove-port", "mount", "unmount", "configure", "change-medium", "rename"] as const),
];

/** What else bears on it. */
export type Circumstances = {
  /** The name of its zone, where that is disabled. */
  disabledZone?: string | undefined;
  /** A backup reads its disks, which is ended where `interrupt` is told. */
  isRead?: boolean;
  /** Where it is moved to, or has moved. */
  movedTo?: string | undefined;
  /** What of its disks is not there yet, in words that follow a colon. */
  awaiting?: string | undefined;
};

export function decide(
  state: InstanceState,
  pending: Pending,
  action: Action,
  { disabledZone, isRead = false, movedTo, awaiting }: Circumstances = {},
): Decision {
  if (action === "launch") {
    return denied("already-exists", "an instance of this name already exists", deletedHint(state));
  }
  if (disabledZone !== undefined && !WITHOUT_ZONE.includes(action) && !BEYOND_ZONES.includes(state)) {
    return denied("wrong-state", zoneReason(disabledZone), zoneHint(disabledZone));
  }
  if (movedTo !== undefined && !WHILE_MOVED.includes(action)) {
    return denied("wrong-state", `it is moved to ${movedTo}`, MOVE_HINT);
  }
  if (awaiting !== undefined && !WHILE_AWAITING.includes(action)) {
    return denied("wrong-state", awaiting, AWAITING_HINT);
  }
  if (pending === undefined) return isRead ? whileRead(state, action) : atRest(state, action);
  if (SAME_END[pending].includes(action)) return ignore;
  if (action === "force-stop" && INTERRUPTIBLE.includes(pending) && state !== "creating") {
    return { do: "run", interrupt: true };
  }
  return busy(pending);
}

function whileRead(state: InstanceState, action: Exclude<Action, "launch">): Decision {
  const decision = atRest(state, action);
  if (decision.do !== "run" || BESIDE_BACKUP.includes(action)) return decision;
  return ENDS_BACKUP.includes(action) ? { do: "run", interrupt: true } : busy("backup");
}

function busy(pending: Action): Decision {
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

export const MOVE_HINT =
  "Confirm the move, or take it back: berth move --confirm NAME, berth move --undo NAME";

export const AWAITING_HINT = "It comes while the guest runs; berth info tells how far it is.";

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
  "change-network": "a change of its networks",
  mount: "a mount",
  unmount: "an unmount",
  "add-disk": "a change of its disks",
  "resize-disk": "a change of its disks",
  "remove-disk": "a change of its disks",
  "recover-disk": "a change of its disks",
  "purge-disk": "a change of its disks",
  "change-medium": "a change of its ISO",
  "rotate-key": "a change of its key",
  update: "a change of its sizes",
  configure: "a change of its settings",
  rename: "a rename",
  clone: "a clone",
  backup: "a backup",
  "restore-backup": "its restore from a backup",
  export: "its export",
  import: "its import",
  "mark-move": "a step of its move",
};

function deletedHint(state: InstanceState): string {
  return state === "deleted"
    ? "It is in the trash: recover or purge it, or choose another name."
    : "Choose another name.";
}
