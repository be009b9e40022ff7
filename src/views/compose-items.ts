/** What the tree *Instances* shows of compose projects and of their containers. Pure. */
import type { ComposeProject } from "../api/compose.ts";
import { containerIcon, containerStateText, RUNTIME_NAMES } from "./container-items.ts";
import type { ItemData } from "./items.ts";
import { l10n } from "./l10n.ts";

export type ComposeContainer = ComposeProject["containers"][number];

/** Of the row that holds the projects. */
export const COMPOSE_CONTEXT = "compose+refreshCompose";

/** A name is one project's only in its runtime. */
export function projectKey({ runtime, name }: Pick<ComposeProject, "runtime" | "name">): string {
  return `${runtime}:${name}`;
}

export function projectItem(project: ComposeProject): ItemData {
  const { name, runtime, directory, files, containers } = project;
  const running = containers.filter(({ state }) => state === "running").length;
  const facts = [l10n.t("{0} of {1} running", running, containers.length), RUNTIME_NAMES[runtime]];
  const known = directory !== undefined || files.length > 0;
  return {
    id: `compose:${projectKey(project)}`,
    label: name,
    description: facts.join(" · "),
    icon: running > 0 ? { id: "layers-active", color: "charts.green" } : { id: "layers" },
    contextValue: known ? "compose.project+composeUp+composeDown" : "compose.project",
    ariaLabel: [l10n.t("Compose project {0}", name), ...facts].join(", "),
  };
}

export function composeContainerItem({ id, name, service, image, state }: ComposeContainer): ItemData {
  const facts = [containerStateText(state), image, ...(name === service ? [] : [name])];
  return {
    id: `compose-container:${id}`,
    label: service,
    description: facts.join(" · "),
    icon: containerIcon(state),
    contextValue: "compose.container",
    ariaLabel: [service, ...facts].join(", "),
  };
}
