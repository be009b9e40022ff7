/** Which instances a command is about: the rows it was called on, the selection, a name, or the user's pick. */
import type { ForeignContainer } from "../api/foreign-container.ts";
import type { Instance } from "../api/instance.ts";
import { type Action, actionsOf } from "./items.ts";
import type { Model } from "./model.ts";
import type { TreeNode } from "./services.ts";

/** Passed by key bindings of the tree, which have no row of their own. */
export const SELECTION = "selection";

/**
 * The instances that the arguments name and on which the action is possible now; undefined where the arguments name
 * none at all, so that the user has to be asked. Pure.
 */
export function instancesIn(
  args: readonly unknown[],
  action: Action,
  model: Pick<Model, "get" | "byName" | "operationOf">,
  selection: readonly TreeNode[],
): Instance[] | undefined {
  return anyInstancesIn(args, model, selection)?.filter((one) =>
    actionsOf(one, model.operationOf(one)).includes(action),
  );
}

/** The same, in whatever state they are. */
export function anyInstancesIn(
  args: readonly unknown[],
  model: Pick<Model, "get" | "byName">,
  selection: readonly TreeNode[],
): Instance[] | undefined {
  const [first, all] = args;
  const nodes = first === SELECTION ? selection : nodesIn(first, all);
  const named = typeof first === "string" && first !== SELECTION ? model.byName(first) : undefined;
  const instances = [
    ...(named ? [named] : []),
    ...nodes.flatMap((node) => (node.type === "instance" ? (model.get(node.id) ?? []) : [])),
  ];
  return instances.length === 0 && first !== SELECTION ? undefined : instances;
}

/** The containers of others that the arguments name. */
export function foreignIn([first, all]: readonly unknown[]): ForeignContainer[] {
  return nodesIn(first, all).flatMap((node) => (node.type === "foreign-container" ? [node.container] : []));
}

/** The selection counts only where the row that was clicked belongs to it, as vscode passes it. */
function nodesIn(first: unknown, all: unknown): TreeNode[] {
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && "type" in value;
}
