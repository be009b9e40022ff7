/**
 * What the tree shows of an instance and what can be done with it now. Pure: `instances-view.ts` turns it into tree
 * items, `prompts.ts` into quick picks, and the manifest's `when` clauses match the flags of `contextValue`.
 */
import type { Instance, InstanceState } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { cpusText, imageText, operationText, STATE_WORDS, sizeText } from "./phrases.ts";

/** What a user may do with one instance. Each is a flag of `contextValue`, so that menus and prompts agree. */
export type Action =
  | "start"
  | "stop"
  | "forceStop"
  | "restart"
  | "delete"
  | "recover"
  | "purge"
  | "shell"
  | "exec"
  | "open"
  | "log"
  | "ssh"
  | "address"
  | "cancel";

/** A codicon and the theme colour it is drawn in. */
export type Icon = { id: string; color?: string };

export type Mark = "problem" | "failed" | "deleted";

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

const BUSY_STATES: ReadonlySet<InstanceState> = new Set([
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

/** What can be done now. In the order in which menus show it. */
export function actionsOf(instance: Instance, operation?: Operation): Action[] {
  const { state } = instance;
  const cancel: Action[] = operation?.status === "running" && operation.cancellable ? ["cancel"] : [];
  if (state === "deleted") return isBusy(instance, operation) ? [] : ["recover", "purge"];
  if (isBusy(instance, operation)) {
    const force: Action[] = state === "stopping" || state === "restarting" ? ["forceStop"] : [];
    return [...force, "log", ...cancel];
  }
  switch (state) {
    case "running":
      return [
        "stop",
        "forceStop",
        "restart",
        "shell",
        "exec",
        ...(instance.ssh ? (["open"] as const) : []),
        "log",
        ...(instance.ssh ? (["ssh"] as const) : []),
        "address",
        "delete",
      ];
    case "stopped":
    case "suspended":
      return ["start", "shell", "exec", "open", "log", "address", "delete"];
    case "failed":
      return ["start", "log", "delete"];
    default:
      return ["start", "forceStop", "log", "delete"];
  }
}

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
  const flags: string[] = actionsOf(instance, operation);
  return [`instance.${instance.state}`, ...flags].join("+");
}

export function descriptionOf(instance: Instance, operation?: Operation): string {
  if (operation?.status === "running") return operationText(operation);
  const facts = [imageText(instance.image), cpusText(instance.cpus), sizeText(instance.memoryBytes)];
  switch (instance.state) {
    case "running":
      return instance.ready || instance.guest !== "linux"
        ? [...facts, instance.address].join(" · ")
        : ["not ready", ...facts, instance.address].join(" · ");
    case "stopped":
      return facts.join(" · ");
    case "deleted":
      return imageText(instance.image);
    case "failed":
      return ["failed", worstOf(instance)?.message].filter(Boolean).join(": ");
    default:
      return BUSY_STATES.has(instance.state)
        ? STATE_WORDS[instance.state]
        : [STATE_WORDS[instance.state], ...facts].join(" · ");
  }
}

function iconOf(instance: Instance, busy: boolean): Icon {
  if (instance.state === "restarting") return { id: "sync~spin" };
  if (busy) return { id: "loading~spin" };
  switch (instance.state) {
    case "running":
      return { id: "vm-running", color: "charts.green" };
    case "failed":
      return { id: "error", color: "list.errorForeground" };
    case "deleted":
      return { id: "trash", color: "disabledForeground" };
    case "suspended":
      return { id: "debug-pause" };
    case "unknown":
      return { id: "question", color: "list.warningForeground" };
    default:
      return { id: "vm-outline" };
  }
}

function markOf(instance: Instance): Mark | undefined {
  if (instance.state === "deleted") return "deleted";
  if (instance.state === "failed") return "failed";
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
    cpusText(instance.cpus),
    `${sizeText(instance.memoryBytes)} memory`,
    ...(instance.state === "running" ? [`address ${instance.address}`] : []),
    ...(count > 0 ? [count === 1 ? "1 problem" : `${count} problems`] : []),
  ].join(", ");
}

/** `primary` first, then by name as people sort: web-2 before web-10. */
export function compareInstances(a: Instance, b: Instance): number {
  const first = (instance: Instance) => (instance.name === "primary" ? 0 : 1);
  return (
    first(a) - first(b) ||
    a.name.localeCompare(b.name, "en", { numeric: true, sensitivity: "base" }) ||
    a.id.localeCompare(b.id)
  );
}

export function runningCount(instances: Iterable<Instance>): number {
  return [...instances].filter((instance) => instance.state === "running").length;
}
