/**
 * What the tree shows of an instance and what can be done with it now. Pure: `instances-view.ts` turns it into tree
 * items, `prompts.ts` into quick picks, and the manifest's `when` clauses match the flags of `contextValue`.
 */

import type { Instance, InstanceState } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { containerActions, inMenus, sizeFacts, unwellText } from "./container-items.ts";
import { l10n } from "./l10n.ts";
import { cpusText, imageText, operationText, STATE_WORDS, sizeText, timeText } from "./phrases.ts";
import { BUSY_STATES, isBusy, possible } from "./possible.ts";

/** What a user may do with one instance. Each is a flag of `contextValue`, so that menus and prompts agree. */
export type Action =
  | "start"
  | "startCold"
  | "stop"
  | "stopLater"
  | "cancelStop"
  | "forceStop"
  | "restart"
  | "suspend"
  | "pause"
  | "unpause"
  | "release"
  | "enableZone"
  | "delete"
  | "recover"
  | "purge"
  | "console"
  | "display"
  | "shell"
  | "attach"
  | "attachMain"
  | "exec"
  | "open"
  | "browse"
  | "copyTo"
  | "details"
  | "log"
  | "logs"
  | "cloudInitLog"
  | "ssh"
  | "address"
  | "mount"
  | "unmount"
  | "addPort"
  | "removePort"
  | "openPort"
  | "snapshot"
  | "snapshots"
  | "backUp"
  | "rename"
  | "clone"
  | "sizes"
  | "rotateKey"
  | "addDisk"
  | "removeDisk"
  | "autostart"
  | "labels"
  | "export"
  | "moveAway"
  | "settleMove"
  | "cancel";

/** A codicon and the theme colour it is drawn in. */
export type Icon = { id: string; color?: string };

export type Mark = "problem" | "failed" | "deleted" | "unforwarded";

export type ItemData = {
  /** Stable while the instance lives, whatever happens to it. */
  id: string;
  label: string;
  description: string;
  icon: Icon;
  /** `instance.running+stop+shell…` */
  contextValue: string;
  ariaLabel: string;
  /** How the row as a whole is marked, if at all. */
  mark?: Mark;
};

/** What can be done now. In the order in which menus show it. */
export function actionsOf(instance: Instance, operation?: Operation): Action[] {
  const all: Action[] = [
    ...possible(instance, operation),
    ...(HAS_CONSOLE.has(instance.state) ? (["console"] as const) : []),
    ...screenOf(instance),
    "details",
  ];
  const own = containerActions(all, instance);
  return instance.guest === "linux" ? own : own.filter((action) => !OVER_SSH.has(action));
}

/** One that is about to run is waited for. */
const HAS_CONSOLE: ReadonlySet<InstanceState> = new Set([
  "creating",
  "starting",
  "restarting",
  "running",
  "stopping",
]);

/** A console of one that does not run says so, and waits for it. */
function screenOf({ display, state }: Instance): Action[] {
  return display && state !== "deleted" && state !== "failed" ? ["display"] : [];
}

/** What goes through the SSH server and cloud-init, which only Linux guests are given. */
const OVER_SSH: ReadonlySet<Action> = new Set([
  ...(["shell", "exec", "copyTo", "open", "browse", "cloudInitLog", "ssh", "mount", "unmount"] as const),
]);

export function instanceItem(instance: Instance, operation?: Operation): ItemData {
  const busy = isBusy(instance, operation);
  const mark = markOf(instance);
  return {
    id: instance.id,
    label: instance.name,
    description: descriptionOf(instance, operation),
    icon: iconOf(instance, busy),
    contextValue: contextValueOf(instance, operation),
    ariaLabel: ariaLabelOf(instance, operation),
    ...(mark ? { mark } : {}),
  };
}

/** `instance.<state>` and a `+flag` for each action; the manifest matches `/\+stop\b/` and the like. */
export function contextValueOf(instance: Instance, operation?: Operation): string {
  const flags: string[] = inMenus(actionsOf(instance, operation));
  return [`instance.${instance.state}`, ...flags].join("+");
}

export function descriptionOf(instance: Instance, operation?: Operation): string {
  if (operation?.status === "running") return operationText(operation);
  const facts = [imageText(instance.image), ...sizeFacts(instance), ...encryptedText(instance)];
  if (!instance.zone.available && !BEYOND_ZONES.has(instance.state))
    return [l10n.t("{0} is disabled", instance.zone.name), ...facts].join(" · ");
  switch (instance.state) {
    case "running":
      return [
        ...(instance.container?.paused ? [l10n.t("paused")] : []),
        ...unwellText(instance),
        ...(instance.stopAt === undefined ? [] : [l10n.t("stops at {0}", timeText(instance.stopAt))]),
        ...(instance.ready || instance.guest !== "linux" ? [] : [l10n.t("not ready")]),
        ...facts,
        ...(instance.address === "" ? [] : [instance.address]),
      ].join(" · ");
    case "stopped":
      return [...movedText(instance), ...facts].join(" · ");
    case "deleted":
      return imageText(instance.image);
    case "failed":
      return [l10n.t("failed"), worstOf(instance)?.message].filter(Boolean).join(": ");
    default:
      return BUSY_STATES.has(instance.state)
        ? STATE_WORDS[instance.state]
        : [STATE_WORDS[instance.state], ...facts].join(" · ");
  }
}

function movedText({ move }: Instance): string[] {
  if (!move) return [];
  return [move.step === "moved" ? l10n.t("moved to {0}", move.to) : l10n.t("being moved to {0}", move.to)];
}

function encryptedText({ encrypted }: Instance): string[] {
  return encrypted ? [l10n.t("encrypted")] : [];
}

/** States in which a disabled zone changes nothing. */
const BEYOND_ZONES: ReadonlySet<InstanceState> = new Set(["deleted", "failed"]);

/** A box for a container, a screen for a machine. */
function iconOf(instance: Instance, busy: boolean): Icon {
  if (instance.state === "restarting") return { id: "sync~spin" };
  if (busy) return { id: "loading~spin" };
  switch (instance.state) {
    case "running":
      if (instance.container?.paused) return { id: "debug-pause" };
      return { id: instance.container ? "package" : "vm-running", color: "charts.green" };
    case "failed":
      return { id: "error", color: "list.errorForeground" };
    case "deleted":
      return { id: "trash", color: "disabledForeground" };
    case "suspended":
      return { id: "debug-pause" };
    case "stopped":
      if (!instance.zone.available) return { id: "circle-slash" };
      return { id: instance.container ? "package" : "vm-outline" };
    case "unknown":
      return { id: "question", color: "list.warningForeground" };
    default:
      return { id: "vm-outline" };
  }
}

function markOf(instance: Instance): Mark | undefined {
  if (instance.state === "deleted") return "deleted";
  if (instance.state === "failed") return "failed";
  if (instance.container?.healthStatus === "unhealthy") return "problem";
  return instance.problems.some((problem) => problem.severity !== "info") ? "problem" : undefined;
}

/** The problem that matters most: errors before warnings before remarks. */
export function worstOf({ problems }: Instance): Instance["problems"][number] | undefined {
  const rank = { error: 0, warning: 1, info: 2 };
  return [...problems].sort((a, b) => rank[a.severity] - rank[b.severity])[0];
}

function ariaLabelOf(instance: Instance, operation?: Operation): string {
  const count = instance.problems.filter((problem) => problem.severity !== "info").length;
  return [
    instance.name,
    STATE_WORDS[instance.state],
    ...(operation?.status === "running" ? [operationText(operation)] : []),
    imageText(instance.image),
    ...(instance.container
      ? [
          l10n.t("container"),
          ...sizeFacts(instance),
          ...(instance.container.paused ? [l10n.t("paused")] : []),
          ...unwellText(instance),
        ]
      : [cpusText(instance.cpus), l10n.t("{0} memory", sizeText(instance.memoryBytes))]),
    ...encryptedText(instance),
    ...movedText(instance),
    ...(instance.state === "running" && instance.address !== ""
      ? [l10n.t("address {0}", instance.address)]
      : []),
    ...(instance.zone.available ? [] : [l10n.t("{0} is disabled", instance.zone.name)]),
    ...(instance.stopAt === undefined ? [] : [l10n.t("stops at {0}", timeText(instance.stopAt))]),
    ...(count > 0 ? [count === 1 ? l10n.t("1 problem") : l10n.t("{0} problems", count)] : []),
  ].join(", ");
}

/** Making one for every comparison would cost a thousand instances a second. */
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** `primary` first, then by name as people sort: web-2 before web-10. */
export function compareInstances(a: Instance, b: Instance): number {
  const first = (instance: Instance) => (instance.name === "primary" ? 0 : 1);
  return first(a) - first(b) || collator.compare(a.name, b.name) || a.id.localeCompare(b.id);
}

export function runningCount(instances: Iterable<Instance>): number {
  return [...instances].filter((instance) => instance.state === "running").length;
}
