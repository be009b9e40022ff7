/** What the tree *Project* shows: instances of a file as they are, or what the file would touch. Pure. */

import path from "node:path";
import type { Instance } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import type { Project, ProjectInstance } from "../../api/project.ts";
import { driftOf } from "../../client/project/drift.ts";
import type { Finding } from "../../client/project/parse.ts";
import { writtenOf } from "../../client/project/plan.ts";
import type { Touch } from "../../client/project/touches.ts";
import type { Icon } from "../items.ts";
import { l10n } from "../l10n.ts";
import { operationText, STATE_WORDS } from "../phrases.ts";
import { isBusy } from "../possible.ts";

export type ProjectRow = {
  label: string;
  description: string;
  icon: Icon;
  contextValue: string;
  tooltip: string;
  ariaLabel: string;
};

export type Situation = {
  directory: string;
  /** Whether the engine has been heard of, so that what it does not name is not there. */
  known: boolean;
  /** The network that `bridged` is. */
  bridged: string;
};

/** In how far it differs, in words: `not launched`, `differs: memory 1 GiB, file says 2 GiB`. */
export function statusOf(
  wanted: ProjectInstance,
  now: Instance | undefined,
  { directory, known, bridged }: Situation,
): { state: string; differs: string[] } {
  if (!now) return { state: known ? l10n.t("not launched") : "", differs: [] };
  if (now.state === "deleted") return { state: STATE_WORDS.deleted, differs: [] };
  const drift = driftOf(wanted, now, writtenOf(wanted, directory, bridged));
  return { state: STATE_WORDS[now.state], differs: drift.map(({ text }) => text) };
}

export function instanceOfProject(
  name: string,
  wanted: ProjectInstance,
  now: { instance: Instance | undefined; operation: Operation | undefined },
  situation: Situation,
): ProjectRow {
  const { instance, operation } = now;
  const { state, differs } = statusOf(wanted, instance, situation);
  const differing = differs.length > 0 ? l10n.t("differs: {0}", differs.join("; ")) : "";
  const doing = operation?.status === "running" ? operationText(operation) : state;
  const description = [doing, differing].filter(Boolean).join(" · ");
  const flags = ["project", "file", "up", ...(instance && instance.state === "running" ? ["down"] : [])];
  return {
    label: name,
    description,
    icon: iconOf(instance, operation, differs.length > 0),
    contextValue: flags.join("+"),
    tooltip: [`${name}: ${doing || l10n.t("unknown")}`, ...differs].join("\n"),
    ariaLabel: [name, doing, differing].filter(Boolean).join(", "),
  };
}

function iconOf(instance: Instance | undefined, operation: Operation | undefined, differs: boolean): Icon {
  if (!instance) return { id: "circle-large-outline", color: "disabledForeground" };
  if (isBusy(instance, operation)) return { id: "loading~spin" };
  if (instance.state === "failed") return { id: "error", color: "list.errorForeground" };
  if (differs) return { id: "diff-modified", color: "list.warningForeground" };
  if (instance.state === "running") return { id: "vm-running", color: "charts.green" };
  return { id: instance.state === "deleted" ? "trash" : "vm-outline" };
}

/** Those whose file describes the instance as it is need nothing. */
export function needsUp(project: Project, present: (name: string) => Instance | undefined): boolean {
  return Object.keys(project.instances).some((name) => present(name)?.state !== "running");
}

export function findingRow({ place, reason }: Finding): ProjectRow {
  const where = place ? l10n.t("line {0}, column {1}", place.line, place.column) : "";
  return {
    label: reason,
    description: where,
    icon: { id: "error", color: "list.errorForeground" },
    contextValue: "project-finding+file",
    tooltip: [reason, where].filter(Boolean).join("\n"),
    ariaLabel: [reason, where].filter(Boolean).join(", "),
  };
}

/** What it would do to this computer, as long as nobody has said that it may. Paths in `directory` are told from there. */
export function touchRow(touch: Touch, directory: string): ProjectRow {
  const { label, detail, icon } = TOUCHES[touch.kind](touch as never, (file) => shortPath(file, directory));
  return {
    label,
    description: touch.instance,
    icon,
    contextValue: "project-touch+file",
    tooltip: `${touch.instance}: ${detail}`,
    ariaLabel: `${label}, ${touch.instance}`,
  };
}

function shortPath(file: string, directory: string): string {
  const inside = path.relative(directory, file);
  return inside === "" || inside.startsWith("..") || path.isAbsolute(inside) ? file : inside;
}

type Told = { label: string; detail: string; icon: Icon };
type Of<K extends Touch["kind"]> = Extract<Touch, { kind: K }>;

const TOUCHES: { [K in Touch["kind"]]: (touch: Of<K>, short: (file: string) => string) => Told } = {
  mount: ({ source, target }, short) => ({
    label: l10n.t("Folder {0}", short(source)),
    detail: l10n.t("the guest reads and writes {0}, at {1}.", source, target),
    icon: { id: "file-symlink-directory" },
  }),
  port: ({ address, port, exposed }) => ({
    label: exposed
      ? l10n.t("Port {0}, open to others at {1}", port, address)
      : l10n.t("Port {0} of this computer", port),
    detail: exposed
      ? l10n.t("whoever reaches {0} reaches the guest through port {1}.", address, port)
      : l10n.t(
          "programs of this computer reach the guest through port {0} of {1}; others do not.",
          port,
          address,
        ),
    icon: exposed ? { id: "globe", color: "list.warningForeground" } : { id: "plug" },
  }),
  "user-data": ({ from }, short) => ({
    label: l10n.t("User-data {0}", /^https?:/i.test(from) ? from : short(from)),
    detail: l10n.t("the guest is set up by what {0} says.", from),
    icon: { id: "file-text" },
  }),
  image: ({ from }, short) => ({
    label: l10n.t("Image {0}", /^https?:/i.test(from) ? from : short(from)),
    detail: l10n.t("it boots {0}, which is of no catalog.", from),
    icon: { id: "package" },
  }),
  network: ({ network }) => ({
    label: l10n.t("Network {0} of this computer", network),
    detail: l10n.t("the guest is a computer of its own on {0}.", network),
    icon: { id: "type-hierarchy" },
  }),
};
