/** The tree *Instances*: draws what `items.ts` says, when the model says that something changed. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { Coalescer } from "./coalesce.ts";
import { sentences } from "./error-text.ts";
import { instanceItem, type Mark, runningCount } from "./items.ts";
import type { Model } from "./model.ts";
import { Outage } from "./outage.ts";
import { capitalised, operationText } from "./phrases.ts";
import { problemText } from "./problems.ts";
import type { TreeNode } from "./services.ts";

export const VIEW_ID = "berth.instances";
const SCHEME = "berth-instance";
/** How long a hover waits for the guest's own facts before it shows what is known anyway. */
const DETAILS_WITHIN_MS = 1500;
/** vscode holds changes back until none has come for 200 ms: steady progress must leave it such a gap. */
const REDRAW_EVERY_MS = 300;

type Deps = { mirror: EngineMirror; model: Model };

const TRASH: TreeNode = { type: "trash" };
const REMEDIES: TreeNode[] = [
  { type: "remedy", remedy: "retry" },
  { type: "remedy", remedy: "show-engine-log" },
];

export class InstancesView implements vscode.TreeDataProvider<TreeNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<TreeNode | TreeNode[] | undefined>());
  /** One node object per instance, so that a single row can be drawn anew. */
  readonly #nodes = new Map<string, TreeNode>();
  readonly #tree: vscode.TreeView<TreeNode>;
  readonly #outage: Outage;
  /** The ids and their places when the tree was last drawn as a whole. */
  #shape = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor({ mirror, model }: Deps) {
    this.#mirror = mirror;
    this.#model = model;
    this.#tree = this.#store.add(
      vscode.window.createTreeView(VIEW_ID, {
        treeDataProvider: this,
        canSelectMany: true,
        showCollapseAll: false,
      }),
    );
    this.#store.add(vscode.window.registerFileDecorationProvider(decorations));
    this.#outage = this.#store.add(new Outage(mirror));
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, (ids) => this.#refresh(ids)));
    this.#store.add(model.onDidChange((ids) => redraws.add(ids)));
    this.#store.add(mirror.onDidChangeConnection(() => redraws.add([])));
    this.#store.add(this.#outage.onDidChange(() => redraws.add([])));
    this.#frame();
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

  dispose(): void {
    this.#store.dispose();
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    if (node?.type === "trash") return this.#model.trash().map(({ id }) => this.#node(id));
    if (node) return [];
    await this.#firstAnswer();
    const alive = this.#model.alive().map(({ id }) => this.#node(id));
    const trash = this.#model.trash().length > 0 ? [TRASH] : [];
    const remedies = this.#outage.error ? REMEDIES : [];
    return [...remedies, ...alive, ...trash];
  }

  getParent(node: TreeNode): TreeNode | undefined {
    return node.type === "instance" && this.#model.get(node.id)?.state === "deleted" ? TRASH : undefined;
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    if (node.type === "trash") return trashItem(this.#model.trash().length);
    if (node.type === "remedy") return remedyItem(node.remedy);
    const instance = this.#model.get(node.id);
    if (!instance) return new vscode.TreeItem("");
    const data = instanceItem(instance, this.#model.operationOf(instance));
    const item = new vscode.TreeItem(data.label);
    item.id = data.id;
    item.description = data.description;
    item.iconPath = themeIcon(data.icon);
    item.contextValue = data.contextValue;
    item.accessibilityInformation = { label: data.ariaLabel };
    if (data.mark) item.resourceUri = markUri(data.id, data.mark);
    return item;
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

  #node(id: string): TreeNode {
    const known = this.#nodes.get(id) ?? { type: "instance" as const, id };
    this.#nodes.set(id, known);
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

  /** Rows that stay where they are are drawn alone; anything else draws the tree anew. */
  #refresh(ids: readonly string[]): void {
    this.#frame();
    const shape = this.#currentShape();
    if (shape !== this.#shape) {
      this.#shape = shape;
      for (const id of this.#nodes.keys()) if (!this.#model.get(id)) this.#nodes.delete(id);
      this.#changed.fire(undefined);
      return;
    }
    const rows = ids.filter((id) => this.#nodes.has(id)).map((id) => this.#node(id));
    if (rows.length > 0) this.#changed.fire(rows);
  }

  #currentShape(): string {
    const places = this.#model.all().map(({ id, state }) => (state === "deleted" ? `(${id})` : id));
    const around = this.#outage.error ? "outage" : this.#mirror.connection.state;
    return [around, ...places].join(" ");
  }

  /** What stands around the rows: badge, message, and the keys on which welcome texts and menus depend. */
  #frame(): void {
    const running = runningCount(this.#model.all());
    this.#tree.badge =
      running > 0 ? { value: running, tooltip: vscode.l10n.t("{0} running", running) } : undefined;
    const message = this.#message();
    if (this.#tree.message !== message) this.#tree.message = message;
    setContexts({
      "berth.connection": this.#outage.error ? "unavailable" : this.#mirror.connection.state,
      "berth.qemuMissing": this.#model.vmDriverMissing,
      "berth.empty": this.#mirror.connection.state === "connected" && this.#model.all().length === 0,
      "berth.trashEmpty": this.#mirror.connection.state === "connected" && this.#model.trash().length === 0,
    });
  }

  #message(): string {
    if (this.#outage.error) return sentences(this.#outage.error);
    const [operation] = this.#model.imageOperations();
    const [missing] = this.#model.all().length > 0 ? this.#model.vmDriverProblems : [];
    if (missing && !operation) return problemText(missing);
    return operation ? `${operation.target}: ${capitalised(operationText(operation))}` : "";
  }
}

function themeIcon({ id, color }: { id: string; color?: string }): vscode.ThemeIcon {
  return new vscode.ThemeIcon(id, color === undefined ? undefined : new vscode.ThemeColor(color));
}

function trashItem(count: number): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t("Trash"), vscode.TreeItemCollapsibleState.Collapsed);
  item.id = "trash";
  item.description = String(count);
  item.iconPath = new vscode.ThemeIcon("trash");
  item.contextValue = "trash";
  item.tooltip = vscode.l10n.t("Deleted instances, with their disks. Recover them, or purge them for good.");
  item.accessibilityInformation = { label: vscode.l10n.t("Trash, {0} deleted", count) };
  return item;
}

function remedyItem(remedy: "retry" | "show-engine-log"): vscode.TreeItem {
  const [label, icon, command] =
    remedy === "retry"
      ? [vscode.l10n.t("Retry"), "refresh", "berth.reconnect"]
      : [vscode.l10n.t("Show Engine Log"), "output", "berth.showEngineLog"];
  const item = new vscode.TreeItem(label);
  item.id = `remedy:${remedy}`;
  item.iconPath = new vscode.ThemeIcon(icon);
  item.contextValue = "remedy";
  item.command = { command, title: label };
  return item;
}

const MARKS: Readonly<Record<Mark, { badge?: string; color: string; tooltip: string }>> = {
  problem: {
    badge: "!",
    color: "list.warningForeground",
    tooltip: vscode.l10n.t("Something is not as it should be"),
  },
  failed: { badge: "!", color: "list.errorForeground", tooltip: vscode.l10n.t("Failed") },
  deleted: { color: "disabledForeground", tooltip: vscode.l10n.t("In the trash") },
};

function markUri(id: string, mark: Mark): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${id}`, query: mark });
}

/** A mark is part of the row's address, so a decoration never has to be asked for again. */
const decorations: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    if (uri.scheme !== SCHEME) return undefined;
    const { badge, color, tooltip } = MARKS[uri.query as Mark];
    return new vscode.FileDecoration(badge, tooltip, new vscode.ThemeColor(color));
  },
};

const contexts = new Map<string, unknown>();

function setContexts(values: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(values)) {
    if (contexts.get(key) === value) continue;
    contexts.set(key, value);
    void vscode.commands.executeCommand("setContext", key, value);
  }
}
