/** What the view *Operations* shows: what runs, then what has ended, the newest first. Pure. */
import type { Operation, OperationKind } from "../api/operation.ts";
import { sentences } from "./error-text.ts";
import type { Icon } from "./items.ts";
import { ageText, capitalised, longProgressText, operationText } from "./phrases.ts";

export type OperationItem = {
  id: string;
  label: string;
  description: string;
  icon: Icon;
  contextValue: string;
  ariaLabel: string;
  tooltip: string;
};

const NAMES: Readonly<Record<OperationKind, string>> = {
  launch: "Launch",
  start: "Start",
  stop: "Stop",
  restart: "Restart",
  delete: "Delete",
  recover: "Recover",
  purge: "Purge",
  "add-port": "Forward port of",
  "remove-port": "Close port of",
  "add-network": "Connect",
  "remove-network": "Disconnect",
  mount: "Mount in",
  unmount: "Unmount from",
  "add-disk": "Add disk to",
  "resize-disk": "Enlarge disk of",
  "remove-disk": "Remove disk of",
  "recover-disk": "Put back disk of",
  "purge-disk": "Delete disk of",
  "change-medium": "Change medium of",
  snapshot: "Take snapshot",
  restore: "Restore",
  "remove-snapshot": "Delete snapshot",
  update: "Change",
  suspend: "Suspend",
  "cancel-stop": "Cancel stop of",
  rename: "Rename",
  clone: "Clone",
  "disable-zone": "Disable zone",
  "enable-zone": "Enable zone",
  "pull-image": "Pull image",
  "build-image": "Build image",
  "move-storage": "Move data to",
};

const ICONS: Readonly<Record<Operation["status"], Icon>> = {
  running: { id: "loading~spin" },
  succeeded: { id: "pass", color: "testing.iconPassed" },
  failed: { id: "error", color: "list.errorForeground" },
  cancelled: { id: "circle-slash" },
};

/** Running ones first; of equals the newest. Those that the user has cleared away are left out. */
export function arrangeOperations(
  all: Iterable<Operation>,
  cleared: ReadonlySet<string> = new Set(),
): Operation[] {
  const rank = ({ status }: Operation) => (status === "running" ? 0 : 1);
  const time = (one: Operation) => (one.status === "running" ? one.createdAt : one.updatedAt);
  return [...all]
    .filter(({ id }) => !cleared.has(id))
    .sort((a, b) => rank(a) - rank(b) || time(b).localeCompare(time(a)) || a.id.localeCompare(b.id));
}

export function operationTitle({ kind, target }: Pick<Operation, "kind" | "target">): string {
  return `${NAMES[kind]} ${target}`;
}

export function operationItem(operation: Operation, now: Date): OperationItem {
  const label = operationTitle(operation);
  const description = outcome(operation, now);
  return {
    id: operation.id,
    label,
    description,
    icon: ICONS[operation.status],
    contextValue: [`operation.${operation.status}`, "details", ...flags(operation)].join("+"),
    ariaLabel: `${label}, ${description}`,
    tooltip: detailsText(operation),
  };
}

function flags({ status, cancellable, error }: Operation): string[] {
  return [...(status === "running" && cancellable ? ["cancel"] : []), ...(error ? ["error"] : [])];
}

function outcome(operation: Operation, now: Date): string {
  const { status, progress, error, updatedAt, warnings } = operation;
  if (status === "running") return progress ? operationText(operation) : "";
  const when = ageText(updatedAt, now);
  if (status === "failed") return `${error?.message ?? "failed"} · ${when}`;
  const warned =
    warnings.length > 0 ? [warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`] : [];
  return [...(status === "cancelled" ? ["cancelled"] : []), ...warned, when].join(" · ");
}

/** Everything that is known of it, as lines of text. */
export function detailsText(operation: Operation): string {
  const { status, progress, error, warnings, createdAt, updatedAt } = operation;
  const now = status === "running" && progress ? [longProgressText(progress)] : [];
  return [
    `${operationTitle(operation)}: ${status}`,
    ...now,
    `Began ${new Date(createdAt).toLocaleString()}`,
    ...(status === "running" ? [] : [`Ended ${new Date(updatedAt).toLocaleString()}`]),
    ...(error ? ["", errorText(error)] : []),
    ...(warnings.length > 0 ? ["", ...warnings.map((warning) => `${capitalised(warning)}`)] : []),
  ].join("\n");
}

/** As a person would paste it into a report: words, code and details. */
export function errorText({ message, hint, code, details }: NonNullable<Operation["error"]>): string {
  const facts = details && Object.keys(details).length > 0 ? [JSON.stringify(details)] : [];
  return [sentences({ message, hint }), `(${code})`, ...facts].join("\n");
}
