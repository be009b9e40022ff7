/** The tree *Operations*: what the engine does now and what it did lately, for whichever client. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { Coalescer } from "./coalesce.ts";
import { setContexts } from "./context-keys.ts";
import { arrangeOperations, operationItem } from "./operation-items.ts";
import { themeIcon } from "./tree-items.ts";

export const OPERATIONS_VIEW_ID = "berth.operations";
const REDRAW_EVERY_MS = 300;

export type OperationNode = { readonly type: "operation"; readonly id: string };

export class OperationsView implements vscode.TreeDataProvider<OperationNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<OperationNode[] | undefined>());
  readonly #nodes = new Map<string, OperationNode>();
  /** Ended ones that the user no longer wants to see; the engine keeps them. */
  readonly #cleared = new Set<string>();
  #shape = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(mirror: EngineMirror) {
    this.#mirror = mirror;
    this.#store.add(
      vscode.window.createTreeView<OperationNode>(OPERATIONS_VIEW_ID, {
        treeDataProvider: this,
        canSelectMany: true,
      }),
    );
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, (ids) => this.#refresh(ids)));
    this.#store.add(mirror.onDidChangeOperations((ids) => redraws.add(ids)));
    this.#store.add(mirror.onDidChangeConnection(() => redraws.add([])));
    this.#refresh([]);
  }

  /** Takes ended ones out of the list. */
  clear(): void {
    for (const { id, status } of this.#mirror.operations.values())
      if (status !== "running") this.#cleared.add(id);
    this.#refresh([]);
  }

  dispose(): void {
    this.#store.dispose();
  }

  getChildren(node?: OperationNode): OperationNode[] {
    if (node) return [];
    return this.#list().map(({ id }) => this.#node(id));
  }

  getTreeItem({ id }: OperationNode): vscode.TreeItem {
    const operation = this.#mirror.operations.get(id);
    if (!operation) return new vscode.TreeItem("");
    const data = operationItem(operation, new Date());
    const item = new vscode.TreeItem(data.label);
    item.id = data.id;
    item.description = data.description;
    item.iconPath = themeIcon(data.icon);
    item.contextValue = data.contextValue;
    item.tooltip = data.tooltip;
    item.accessibilityInformation = { label: data.ariaLabel };
    if (operation.error) {
      const title = vscode.l10n.t("Show Details");
      item.command = { command: "berth.showOperation", title, arguments: [{ type: "operation", id }] };
    }
    return item;
  }

  #list() {
    return arrangeOperations(this.#mirror.operations.values(), this.#cleared);
  }

  #node(id: string): OperationNode {
    const known = this.#nodes.get(id) ?? { type: "operation" as const, id };
    this.#nodes.set(id, known);
    return known;
  }

  #refresh(ids: readonly string[]): void {
    const all = this.#list();
    const ended = all.some(({ status }) => status !== "running");
    setContexts({ "berth.noEndedOperations": !ended });
    const shape = all.map(({ id }) => id).join();
    if (shape === this.#shape) {
      const rows = ids.flatMap((id) => this.#nodes.get(id) ?? []);
      if (rows.length > 0) this.#changed.fire(rows);
      return;
    }
    this.#shape = shape;
    for (const id of this.#nodes.keys()) if (!this.#mirror.operations.has(id)) this.#nodes.delete(id);
    this.#changed.fire(undefined);
  }
}
