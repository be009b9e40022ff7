/** The tree *Ports*: what is forwarded to this host, and what listens in guests that run. Those are watched while it is seen. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { Coalescer } from "./coalesce.ts";
import type { GuestListeners } from "./guest-listeners.ts";
import type { Model } from "./model.ts";
import {
  countsText,
  forwardItem,
  hasPorts,
  instancePortsItem,
  keyOf,
  listenerItem,
  noteText,
  ownerOf,
  type PortItem,
  type PortNode,
  portNodes,
  unforwarded,
} from "./ports-items.ts";
import { markUri, themeIcon } from "./tree-items.ts";

export const PORTS_VIEW_ID = "berth.ports";
const REDRAW_EVERY_MS = 300;
const { Expanded, None } = vscode.TreeItemCollapsibleState;

export class PortsView implements vscode.TreeDataProvider<PortNode>, Disposable {
  readonly #model: Model;
  readonly #listeners: GuestListeners;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<PortNode[] | undefined>());
  readonly #nodes = new Map<string, PortNode>();
  readonly #tree: vscode.TreeView<PortNode>;
  /** Which rows there were when the tree was last drawn. */
  #shape = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(model: Model, listeners: GuestListeners) {
    this.#model = model;
    this.#listeners = listeners;
    this.#tree = this.#store.add(
      vscode.window.createTreeView<PortNode>(PORTS_VIEW_ID, { treeDataProvider: this, canSelectMany: true }),
    );
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, (ids) => this.#refresh(ids)));
    this.#store.add(model.onDidChange((ids) => redraws.add(ids)));
    this.#store.add(listeners.onDidChange((ids) => redraws.add(ids)));
    const watch = (visible: boolean) => listeners.want(PORTS_VIEW_ID, visible);
    this.#store.add(this.#tree.onDidChangeVisibility(({ visible }) => watch(visible)));
    watch(this.#tree.visible);
    this.#refresh([]);
  }

  get visible(): boolean {
    return this.#tree.visible;
  }

  get onDidChangeVisibility(): vscode.Event<vscode.TreeViewVisibilityChangeEvent> {
    return this.#tree.onDidChangeVisibility;
  }

  dispose(): void {
    this.#store.dispose();
  }

  getChildren(node?: PortNode): PortNode[] {
    if (!node) return this.#instances().map(({ id }) => this.#node({ type: "instance", id }));
    const instance = node.type === "instance" ? this.#model.get(node.id) : undefined;
    if (!instance) return [];
    return portNodes(instance, this.#listeners.of(instance.id)).map((one) => this.#node(one));
  }

  getParent(node: PortNode): PortNode | undefined {
    return node.type === "instance" ? undefined : this.#node({ type: "instance", id: node.instance });
  }

  getTreeItem(node: PortNode): vscode.TreeItem {
    const instance = this.#model.get(ownerOf(node));
    if (!instance) return new vscode.TreeItem("");
    const heard = this.#listeners.of(instance.id);
    switch (node.type) {
      case "instance":
        return row(instancePortsItem(instance, heard), Expanded);
      case "forward": {
        const { protocol, hostPort } = node;
        const forward = instance.ports.find((one) => one.protocol === protocol && one.hostPort === hostPort);
        return forward ? row(forwardItem(instance, forward, heard)) : new vscode.TreeItem("");
      }
      case "listener": {
        const listener = heard.listeners?.find(
          ({ protocol, port }) => protocol === node.protocol && port === node.port,
        );
        return listener ? row(listenerItem(instance, listener)) : new vscode.TreeItem("");
      }
      case "port-note":
        return noteRow(node, noteText(instance, heard) ?? "");
    }
  }

  #instances() {
    return this.#model.all().filter(hasPorts);
  }

  #node(fresh: PortNode): PortNode {
    const key = keyOf(fresh);
    const known = this.#nodes.get(key) ?? fresh;
    this.#nodes.set(key, known);
    return known;
  }

  /** The counts in the title; and the rows, alone where they are the same ones as before. */
  #refresh(ids: readonly string[]): void {
    const instances = this.#instances();
    const detected = instances.flatMap((one) => unforwarded(one, this.#listeners.of(one.id).listeners));
    const forwarded = instances.flatMap(({ ports }) => ports);
    const counts = countsText(forwarded.length, detected.length);
    if (this.#tree.description !== counts) this.#tree.description = counts;
    const nodes = instances.flatMap((one) => [
      this.#node({ type: "instance", id: one.id }),
      ...portNodes(one, this.#listeners.of(one.id)).map((node) => this.#node(node)),
    ]);
    const shape = nodes.map(keyOf).join();
    if (shape === this.#shape) {
      const changed = nodes.filter((node) => ids.includes(ownerOf(node)));
      if (changed.length > 0) this.#changed.fire(changed);
      return;
    }
    this.#shape = shape;
    const there = new Set(nodes.map(keyOf));
    for (const key of [...this.#nodes.keys()]) if (!there.has(key)) this.#nodes.delete(key);
    this.#changed.fire(undefined);
  }
}

function row(data: PortItem, collapsible = None): vscode.TreeItem {
  const item = new vscode.TreeItem(data.label, collapsible);
  item.id = data.id;
  item.description = data.description;
  item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.tooltip = data.tooltip;
  item.accessibilityInformation = { label: data.ariaLabel };
  if (data.mark) item.resourceUri = markUri(data.id, data.mark);
  return item;
}

function noteRow(node: PortNode, text: string): vscode.TreeItem {
  const item = new vscode.TreeItem(text, None);
  item.id = keyOf(node);
  item.iconPath = new vscode.ThemeIcon("info");
  item.contextValue = "port-note";
  item.tooltip = text;
  return item;
}
