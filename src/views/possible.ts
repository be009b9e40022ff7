/** What may be asked of an instance in the state that it is in, whatever kind it is of. Pure. */
import type { Instance, InstanceState } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import type { Action } from "./items.ts";

export const BUSY_STATES: ReadonlySet<InstanceState> = new Set([
  "creating",
  "starting",
  "restarting",
  "stopping",
  "suspending",
]);

/** Between two states, or worked on by an operation: nothing but looking, forcing and cancelling makes sense. */
export function isBusy(instance: Instance, operation?: Operation): boolean {
  return BUSY_STATES.has(instance.state) || operation?.status === "running";
}

export function possible(instance: Instance, operation?: Operation): Action[] {
  const { state, move } = instance;
  const cancel: Action[] = operation?.status === "running" && operation.cancellable ? ["cancel"] : [];
  if (state === "deleted") {
    const settle: Action[] = move ? ["settleMove"] : [];
    return isBusy(instance, operation) ? [] : ["recover", "purge", ...settle];
  }
  const doing = operation?.status === "running" ? operation.kind : undefined;
  if (doing === "backup" && state === "running")
    return ["stop", "forceStop", "restart", "suspend", ...inside(instance), ...cancel];
  if (doing === "backup" && (state === "stopped" || state === "suspended"))
    return ["start", "log", ...cancel];
  if (doing === "export" && state === "running") return ["forceStop", ...inside(instance), ...cancel];
  if (isBusy(instance, operation)) return [...(CAN_BE_FORCED.has(state) ? FORCE : []), "log", ...cancel];
  if (state === "failed") return ["log", "purge"];
  if (move) return [...(state === "running" ? STOP : []), "settleMove", "log", "delete"];
  if (!instance.zone.available) {
    return ["enableZone", ...(state === "running" ? STOP : []), "log", "delete"];
  }
  switch (state) {
    case "running":
      return [
        ...(["stop", "forceStop", "restart", "suspend"] as const),
        instance.stopAt === undefined ? "stopLater" : "cancelStop",
        ...inside(instance),
        ...kept(instance),
        "delete",
      ];
    case "stopped":
      return [
        ...["start" as const, ...LOOK, "snapshot" as const, "clone" as const, "sizes" as const],
        ...(instance.encrypted ? (["rotateKey"] as const) : []),
        ...kept(instance),
        "delete",
      ];
    case "suspended":
      return ["start", "startCold", ...LOOK, ...kept(instance), "delete"];
    default:
      return ["forceStop", "log", "delete"];
  }
}

/** One that runs is stopped for it, once its user has said yes. */
export function canRollBack({ state, operation, zone }: Instance): boolean {
  const there = state === "stopped" || state === "running" || state === "suspended";
  return there && operation === undefined && zone.available;
}

/** Beside its first one. */
export function presentDisks({ disks }: Pick<Instance, "disks">): Instance["disks"] {
  return disks.filter(({ removedAt }) => removedAt === undefined);
}

/** What is done in one that runs; a backup of it keeps nobody from that. */
function inside({ ports, ssh }: Instance): Action[] {
  return [
    ...(["shell", "exec", "copyTo", "open", "browse", "log", "cloudInitLog"] as const),
    ...(ports.some(({ protocol }) => protocol === "tcp") ? (["openPort"] as const) : []),
    ...(ssh ? (["ssh"] as const) : []),
    "address",
  ];
}

const STOP: readonly Action[] = ["stop", "forceStop"];
const FORCE: readonly Action[] = ["forceStop"];
const CAN_BE_FORCED: ReadonlySet<InstanceState> = new Set(["stopping", "restarting", "suspending"]);
/** Entering one that is not running starts it. */
const LOOK: readonly Action[] = ["shell", "exec", "open", "browse", "log", "address"];

/** On what is kept of it, whether it runs or not. */
function kept({ kind, mounts, ports, disks, snapshotCount }: Instance): Action[] {
  return [
    "mount",
    ...(mounts.length > 0 ? (["unmount"] as const) : []),
    "addPort",
    ...(ports.length > 0 ? (["removePort"] as const) : []),
    ...(snapshotCount > 0 ? (["snapshots"] as const) : []),
    "backUp",
    ...(kind === "vm" ? (["moveAway"] as const) : []),
    "export",
    "rename",
    "addDisk",
    ...(presentDisks({ disks }).length > 0 ? (["removeDisk"] as const) : []),
    "autostart",
    "labels",
  ];
}
