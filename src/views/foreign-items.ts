/** What the tree *Instances* shows of containers that others have made. Pure. */
import type { ForeignContainer } from "../api/foreign-container.ts";
import { containerIcon, containerStateText, RUNTIME_NAMES } from "./container-items.ts";
import type { ItemData } from "./items.ts";
import { l10n } from "./l10n.ts";

/** Nothing that would change it is offered: it is looked at, or becomes an instance as it is. */
export function foreignItem(container: ForeignContainer): ItemData {
  const { runtime, id, name, image, state, otherBerth } = container;
  const facts = [
    ...[containerStateText(state), image, RUNTIME_NAMES[runtime]],
    ...(otherBerth ? [l10n.t("of another Berth")] : []),
  ];
  return {
    id: `foreign:${runtime}:${id}`,
    label: name,
    description: facts.join(" · "),
    icon: containerIcon(state),
    contextValue: otherBerth ? "foreign.container+logs" : "foreign.container+logs+adopt",
    ariaLabel: [l10n.t("Container {0}, not an instance", name), ...facts].join(", "),
  };
}

/** The containers of compose projects are shown beneath those. */
export function ofNoProject(containers: readonly ForeignContainer[]): ForeignContainer[] {
  return containers.filter(({ composeProject }) => composeProject === undefined);
}
