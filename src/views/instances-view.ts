/** The tree *Instances*: draws what `instance-rows.ts` and `items.ts` say, when the model says that something changed. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Arrangement } from "./arrangement.ts";
import { Coalescer } from "./coalesce.ts";
import { COMPOSE, type ComposeNode, ComposeRows } from "./compose-rows.ts";
import { FOREIGN, type ForeignNode, ForeignRows } from "./foreign-rows.ts";
import { InstanceRows } from "./instance-rows.ts";
import type { Model } from "./model.ts";
import { Outage } from "./outage.ts";
import { capitalised } from "./phrases.ts";
import type { TreeNode } from "./services.ts";
import { SnapshotCache } from "./snapshot-cache.ts";
import { childrenOf } from "./snapshot-tree.ts";
import { frame } from "./tree-frame.ts";
import {
  decorations,
  groupRow,
  instanceRow,
  noteRow,
  remedyRow,
  snapshotRow,
  trashRow,
} from "./tree-items.ts";

export const VIEW_ID = "berth.instances";
/** How long a hover waits for the guest's own facts before it shows what is known anyway. */
const DETAILS_WITHIN_MS = 1500;
/** vscode holds changes back until none has come for 200 ms: steady progress must leave it such a gap. */
const REDRAW_EVERY_MS = 300;

type Deps = {
  mirror: EngineMirror;
  model: Model;
  arrangement: Arrangement;
  drop: vscode.TreeDragAndDropController<TreeNode>;
};

const TRASH: TreeNode = { type: "trash" };
const REMEDIES: TreeNode[] = [
  { type: "remedy", remedy: "retry" },
  { type: "remedy", remedy: "show-engine-log" },
];

export class InstancesView implements vscode.TreeDataProvider<TreeNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  readonly #arrangement: Arrangement;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<TreeNode | TreeNode[] | undefined>());
  /** One node object per row, so that a single row can be drawn anew. */
  readonly #nodes = new Map<string, TreeNode>();
  readonly #rows: InstanceRows;
  readonly #snapshots: SnapshotCache;
  readonly #compose: ComposeRows;
  readonly #foreign: ForeignRows;
  /** Why the snapshots of an instance could not be listed. */
  readonly #notes = new Map<string, string>();
  readonly #tree: vscode.TreeView<TreeNode>;
  readonly #outage: Outage;
  /** What stood around the rows when the tree was last drawn as a whole. */
  #around = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor({ mirror, model, arrangement, drop }: Deps) {
    this.#mirror = mirror;
    this.#model = model;
    this.#arrangement = arrangement;
    this.#rows = new InstanceRows(model);
    this.#snapshots = this.#store.add(new SnapshotCache(mirror, model));
    this.#compose = new ComposeRows(mirror, model);
    this.#foreign = this.#store.add(new ForeignRows(mirror, model, arrangement));
    this.#outage = this.#store.add(new Outage(mirror));
    this.#tree = this.#store.add(
      vscode.window.createTreeView(VIEW_ID, {
        treeDataProvider: this,
        canSelectMany: true,
        showCollapseAll: true,
        dragAndDropController: drop,
      }),
    );
    this.#store.add(vscode.window.registerFileDecorationProvider(decorations));
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, (ids) => this.#refresh(ids)));
    this.#store.add(model.onDidChange((ids) => redraws.add(ids)));
    this.#store.add(mirror.onDidChangeConnection(() => redraws.add([])));
    this.#store.add(this.#outage.onDidChange(() => redraws.add([])));
    this.#store.add(this.#snapshots.onDidChange((id) => redraws.add([id])));
    this.#store.add(arrangement.onDidChange(() => this.#rearrange()));
    this.#store.add(this.#foreign.onDidChange(() => this.#redrawOthers()));
    this.#foreign.followSight(this.#tree);
    this.#rearrange();
  }

  get selection(): readonly TreeNode[] {
    return this.#tree.selection;
  }

  get visible(): boolean {
    return this.#tree.visible;
  }

  get onDidChangeVisibility(): vscode.Event<vscode.TreeViewVisibilityChangeEvent> {
    return this.#tree.onDidChangeVisibility;
  }

  /** Compose projects are asked for anew. */
  refreshCompose(): void {
    this.#compose.use();
    this.#redraw(COMPOSE);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    switch (node?.type) {
      case undefined:
        await this.#firstAnswer();
        return this.#roots();
      case "trash":
        return this.#instanceNodes(this.#rows.trash);
      case "group":
        return this.#instanceNodes(this.#rows.group(node.key)?.ids ?? []);
      case "instance":
        return this.#snapshotNodes(node.id);
      case "snapshot":
        return this.#snapshotNodes(node.instance, node.id);
      default:
        if (node && isForeign(node)) return this.#foreign.children(node);
        return node && isCompose(node) ? this.#compose.children(node) : [];
    }
  }

  getParent(node: TreeNode): TreeNode | undefined {
    if (node.type === "snapshot" || node.type === "note") return this.#instanceNode(node.instance);
    if (node.type !== "instance") return undefined;
    if (this.#model.get(node.id)?.state === "deleted") return TRASH;
    const key = this.#rows.grouped ? this.#rows.groupOf(node.id) : undefined;
    return key === undefined ? undefined : this.#node(`group:${key}`, { type: "group", key });
  }

  async getTreeItem(node: TreeNode): Promise<vscode.TreeItem> {
    if (node.type === "trash") return trashRow(this.#rows.trash.length);
    if (isCompose(node)) return this.#compose.item(node);
    if (isForeign(node)) return this.#foreign.item(node);
    if (node.type === "remedy") return remedyRow(node.remedy);
    if (node.type === "note") return noteRow(node.instance, this.#notes.get(node.instance) ?? "");
    if (node.type === "group")
      return groupRow(this.#rows.group(node.key) ?? { key: node.key, label: "", ids: [] });
    if (node.type === "snapshot") return this.#snapshotItem(node.instance, node.id);
    const instance = this.#model.get(node.id);
    return instance ? instanceRow(instance, this.#model.operationOf(instance)) : new vscode.TreeItem("");
  }

  /** The tooltip, made when it is asked for: with the guest's own facts where it answers in time. */
  async resolveTreeItem(
    item: vscode.TreeItem,
    node: TreeNode,
    token: vscode.CancellationToken,
  ): Promise<vscode.TreeItem> {
    const instance = node.type === "instance" ? this.#model.get(node.id) : undefined;
    if (!instance) return item;
    const { makeTooltip } = await import("./tooltip-view.ts");
    item.tooltip = await makeTooltip({
      instance,
      operation: this.#model.operationOf(instance),
      client: this.#mirror.connection.state === "connected" ? this.#mirror.client() : undefined,
      withinMs: DETAILS_WITHIN_MS,
      token,
    });
    return item;
  }

  #roots(): TreeNode[] {
    const rows = this.#rows.grouped
      ? this.#rows.groups.map(({ key }) => this.#node(`group:${key}`, { type: "group", key }))
      : this.#instanceNodes(this.#rows.groups.flatMap(({ ids }) => ids));
    const trash = this.#rows.trash.length > 0 ? [TRASH] : [];
    return [
      ...(this.#outage.error ? REMEDIES : []),
      ...rows,
      ...this.#compose.roots,
      ...this.#foreign.roots,
      ...trash,
    ];
  }

  /** Those that stand on a snapshot, or on none. One instance that does not answer costs its own rows only. */
  async #snapshotNodes(instance: string, parent?: string): Promise<TreeNode[]> {
    try {
      const all = await this.#snapshots.of(instance);
      this.#notes.delete(instance);
      const name = all.find(({ id }) => id === parent)?.name;
      if (parent !== undefined && name === undefined) return [];
      return childrenOf(all, name).map(({ id }) =>
        this.#node(`snapshot:${id}`, { type: "snapshot", instance, id }),
      );
    } catch (error) {
      this.#notes.set(instance, capitalised(messageOf(error)));
      return parent === undefined ? [this.#node(`note:${instance}`, { type: "note", instance })] : [];
    }
  }

  async #snapshotItem(instance: string, id: string): Promise<vscode.TreeItem> {
    const all = await this.#snapshots.of(instance).catch(() => []);
    const snapshot = all.find((one) => one.id === id);
    return snapshot ? snapshotRow(snapshot, this.#model.get(instance)) : new vscode.TreeItem("");
  }

  #instanceNodes(ids: readonly string[]): TreeNode[] {
    return ids.map((id) => this.#instanceNode(id));
  }

  #instanceNode(id: string): TreeNode {
    return this.#node(id, { type: "instance", id });
  }

  #node(key: string, fresh: TreeNode): TreeNode {
    const known = this.#nodes.get(key) ?? fresh;
    this.#nodes.set(key, known);
    return known;
  }

  /** Until something is known the tree shows that it is loading, rather than that there is nothing. */
  async #firstAnswer(): Promise<void> {
    const { instances, connection } = this.#mirror;
    if (instances.size > 0 || connection.state === "connected" || this.#outage.error) return;
    const settled = Promise.withResolvers<void>();
    const subscription = this.#mirror.onDidChangeConnection((connection) => {
      if (connection.state !== "connecting") settled.resolve();
    });
    await settled.promise;
    subscription.dispose();
  }

  #frame(): void {
    frame(this.#tree, {
      ...{ mirror: this.#mirror, model: this.#model, arrangement: this.#arrangement },
      ...{ rows: this.#rows, outage: this.#outage },
    });
  }

  #rearrange(): void {
    this.#rows.arrange(this.#arrangement.groupBy, this.#arrangement.filter);
    this.#frame();
    this.#changed.fire(undefined);
  }

  /** Projects are made of containers that others have made. */
  #redrawOthers(): void {
    this.#compose.forget();
    this.#redraw(FOREIGN);
    this.#changed.fire(COMPOSE);
  }

  /** With what is in it, and whether it is there at all. */
  #redraw(section: TreeNode): void {
    this.#refresh([]);
    this.#changed.fire(section);
  }

  /** Rows that stay where they are are drawn alone, as are groups that gained or lost one. */
  #refresh(ids: readonly string[]): void {
    const { all, groups, rows } = this.#rows.update(ids);
    this.#frame();
    const state = this.#outage.error ? "outage" : this.#mirror.connection.state;
    const around = `${state} ${this.#compose.roots.length} ${this.#foreign.roots.length}`;
    if (all || around !== this.#around) {
      this.#around = around;
      for (const id of ids) if (!this.#model.get(id)) this.#nodes.delete(id);
      this.#changed.fire(undefined);
      return;
    }
    const nodes = [
      ...groups.flatMap((key) => this.#nodes.get(`group:${key}`) ?? []),
      ...rows.flatMap((id) => this.#nodes.get(id) ?? []),
    ];
    if (nodes.length > 0) this.#changed.fire(nodes);
  }
}

function isCompose(node: TreeNode): node is ComposeNode {
  return node.type.startsWith("compose");
}

function isForeign(node: TreeNode): node is ForeignNode {
  return node.type.startsWith("foreign");
}
