/** What the view *Operations* shows: what runs, then what has ended, the newest first. Pure. */

import type { Operation, OperationKind } from "../api/operation.ts";
import { sentences } from "./error-text.ts";
import type { Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
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

const NAMES: Readonly<Record<OperationKind, (target: string) => string>> = {
  launch: (target) => l10n.t("Launch {0}", target),
  adopt: (target) => l10n.t("Adopt {0}", target),
  release: (target) => l10n.t("Release {0}", target),
  start: (target) => l10n.t("Start {0}", target),
  stop: (target) => l10n.t("Stop {0}", target),
  restart: (target) => l10n.t("Restart {0}", target),
  delete: (target) => l10n.t("Delete {0}", target),
  recover: (target) => l10n.t("Recover {0}", target),
  purge: (target) => l10n.t("Purge {0}", target),
  "add-port": (target) => l10n.t("Forward port of {0}", target),
  "remove-port": (target) => l10n.t("Close port of {0}", target),
  "add-network": (target) => l10n.t("Connect {0}", target),
  "remove-network": (target) => l10n.t("Disconnect {0}", target),
  "change-network": (target) => l10n.t("Change what {0} reaches", target),
  mount: (target) => l10n.t("Mount in {0}", target),
  unmount: (target) => l10n.t("Unmount from {0}", target),
  "add-disk": (target) => l10n.t("Add disk to {0}", target),
  "resize-disk": (target) => l10n.t("Enlarge disk of {0}", target),
  "remove-disk": (target) => l10n.t("Remove disk of {0}", target),
  "recover-disk": (target) => l10n.t("Put back disk of {0}", target),
  "purge-disk": (target) => l10n.t("Delete disk of {0}", target),
  "change-medium": (target) => l10n.t("Change medium of {0}", target),
  "rotate-key": (target) => l10n.t("Change key of {0}", target),
  snapshot: (target) => l10n.t("Take snapshot {0}", target),
  restore: (target) => l10n.t("Restore {0}", target),
  "remove-snapshot": (target) => l10n.t("Delete snapshot {0}", target),
  update: (target) => l10n.t("Change {0}", target),
  suspend: (target) => l10n.t("Suspend {0}", target),
  pause: (target) => l10n.t("Pause {0}", target),
  unpause: (target) => l10n.t("Unpause {0}", target),
  "cancel-stop": (target) => l10n.t("Cancel stop of {0}", target),
  rename: (target) => l10n.t("Rename {0}", target),
  clone: (target) => l10n.t("Clone {0}", target),
  "disable-zone": (target) => l10n.t("Disable zone {0}", target),
  "enable-zone": (target) => l10n.t("Enable zone {0}", target),
  "pull-image": (target) => l10n.t("Pull image {0}", target),
  "build-image": (target) => l10n.t("Build image {0}", target),
  "pull-container-image": (target) => l10n.t("Pull image {0}", target),
  "push-image": (target) => l10n.t("Push image {0}", target),
  "load-image": (target) => l10n.t("Load images from {0}", target),
  "save-image": (target) => l10n.t("Save image {0}", target),
  "move-storage": (target) => l10n.t("Move data to {0}", target),
  "add-repository": (target) => l10n.t("Add repository {0}", target),
  "check-repository": (target) => l10n.t("Check repository {0}", target),
  "prune-repository": (target) => l10n.t("Prune repository {0}", target),
  backup: (target) => l10n.t("Back up {0}", target),
  "restore-backup": (target) => l10n.t("Restore {0} from a backup", target),
  "verify-backup": (target) => l10n.t("Verify backup {0}", target),
  "drill-backup": (target) => l10n.t("Prove backup {0}", target),
  "browse-backup": (target) => l10n.t("Open the files of a backup in {0}", target),
  export: (target) => l10n.t("Export {0}", target),
  import: (target) => l10n.t("Import {0}", target),
  move: (target) => l10n.t("Move {0}", target),
};

const STATUSES: Readonly<Record<Operation["status"], string>> = {
  running: l10n.t("running"),
  succeeded: l10n.t("succeeded"),
  failed: l10n.t("failed"),
  cancelled: l10n.t("cancelled"),
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
  return NAMES[kind](target);
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
  if (status === "failed") return `${error?.message ?? l10n.t("failed")} · ${when}`;
  const warned =
    warnings.length > 0
      ? [warnings.length === 1 ? l10n.t("1 warning") : l10n.t("{0} warnings", warnings.length)]
      : [];
  return [...(status === "cancelled" ? [l10n.t("cancelled")] : []), ...warned, when].join(" · ");
}

/** Everything that is known of it, as lines of text. */
export function detailsText(operation: Operation): string {
  const { status, progress, error, warnings, createdAt, updatedAt } = operation;
  const now = status === "running" && progress ? [longProgressText(progress)] : [];
  return [
    `${operationTitle(operation)}: ${STATUSES[status]}`,
    ...now,
    l10n.t("Began {0}", new Date(createdAt).toLocaleString()),
    ...(status === "running" ? [] : [l10n.t("Ended {0}", new Date(updatedAt).toLocaleString())]),
    ...(error ? ["", errorText(error)] : []),
    ...(warnings.length > 0 ? ["", ...warnings.map((warning) => `${capitalised(warning)}`)] : []),
  ].join("\n");
}

/** As a person would paste it into a report: words, code and details. */
export function errorText({ message, hint, code, details }: NonNullable<Operation["error"]>): string {
  const facts = details && Object.keys(details).length > 0 ? [JSON.stringify(details)] : [];
  return [sentences({ message, hint }), `(${code})`, ...facts].join("\n");
}
