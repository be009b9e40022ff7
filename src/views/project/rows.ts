/** What the tree *Project* shows: instances of a file as they are, or what the file would touch. Pure. */
import path from "node:path";
import type { Instance } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import type { Project, ProjectInstance } from "../../api/project.ts";
import { driftOf } from "../../client/project/drift.ts";
import type { Finding } from "../../client/project/parse.ts";
import { writtenOf } from "../../client/project/plan.ts";
import type { Touch } from "../../client/project/touches.ts";
import { type Icon, isBusy } from "../items.ts";
import { operationText, STATE_WORDS } from "../phrases.ts";

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
  if (!now) return { state: known ? "not launched" : "", differs: [] };
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
  const differing = differs.length > 0 ? `differs: ${differs.join("; ")}` : "";
  const doing = operation?.status === "running" ? operationText(operation) : state;
  const description = [doing, differing].filter(Boolean).join(" · ");
  const flags = ["project", "file", "up", ...(instance && instance.state === "running" ? ["down"] : [])];
  return {
    label: name,
    description,
    icon: iconOf(instance, operation, differs.length > 0),
    contextValue: flags.join("+"),
    tooltip: [`${name}: ${doing || "unknown"}`, ...differs].join("\n"),
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
  const where = place ? `line ${place.line}, column ${place.column}` : "";
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
    label: `Folder ${short(source)}`,
    detail: `the guest reads and writes ${source}, at ${target}.`,
    icon: { id: "file-symlink-directory" },
  }),
  port: ({ address, port, exposed }) => ({
    label: exposed ? `Port ${port}, open to others at ${address}` : `Port ${port} of this computer`,
    detail: exposed
      ? `whoever reaches ${address} reaches the guest through port ${port}.`
      : `programs of this computer reach the guest through port ${port} of ${address}; others do not.`,
    icon: exposed ? { id: "globe", color: "list.warningForeground" } : { id: "plug" },
  }),
  "user-data": ({ from }, short) => ({
    label: `User-data ${/^https?:/i.test(from) ? from : short(from)}`,
    detail: `the guest is set up by what ${from} says.`,
    icon: { id: "file-text" },
  }),
  image: ({ from }, short) => ({
    label: `Image ${/^https?:/i.test(from) ? from : short(from)}`,
    detail: `it boots ${from}, which is of no catalog.`,
    icon: { id: "package" },
  }),
  network: ({ network }) => ({
    label: `Network ${network} of this computer`,
    detail: `the guest is a computer of its own on ${network}.`,
    icon: { id: "type-hierarchy" },
  }),
};
