/** The tree *Backups*: draws what `backup-items.ts` says of what the engine tells. */
import * as vscode from "vscode";
import type { Backup, BackupPlan, BackupRepository } from "../api/backup.ts";
import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { BackupCache } from "./backup-cache.ts";
import {
  type BackedUp,
  type BackupItem,
  backedUp,
  backedUpItem,
  backupItem,
  repositoryItem,
} from "./backup-items.ts";
import { Coalescer } from "./coalesce.ts";
import { setContexts } from "./context-keys.ts";
import { noteRow } from "./image-rows.ts";
import type { Model } from "./model.ts";
import { capitalised } from "./phrases.ts";
import { themeIcon } from "./tree-items.ts";

export const BACKUPS_VIEW_ID = "berth.backups";
const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
const REDRAW_EVERY_MS = 300;

export type BackupNode =
  | { readonly type: "repository"; readonly repository: BackupRepository }
  /** Its id is that of the instance, so that what can be done with instances can be done with it. */
  | {
      readonly type: "instance";
      readonly id: string;
      readonly repository: string;
      readonly backedUp: BackedUp;
    }
  | { readonly type: "backup"; readonly backup: Backup }
  | { readonly type: "backup-note"; readonly id: string; readonly text: string };

type RepositoryNode = Extract<BackupNode, { type: "repository" }>;

export class BackupsView implements vscode.TreeDataProvider<BackupNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  readonly #cache: BackupCache;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<BackupNode | undefined>());
  readonly #tree: vscode.TreeView<BackupNode>;
  #roots: readonly RepositoryNode[] = [];
  #plans: readonly BackupPlan[] = [];
  #drawn = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(mirror: EngineMirror, model: Model, cache: BackupCache) {
    this.#mirror = mirror;
    this.#model = model;
    this.#cache = cache;
    this.#tree = this.#store.add(
      vscode.window.createTreeView<BackupNode>(BACKUPS_VIEW_ID, {
        treeDataProvider: this,
        canSelectMany: true,
        showCollapseAll: true,
      }),
    );
    this.#store.add(cache.onDidChange((repository) => this.#redraw(repository)));
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, () => this.#drawAnew()));
    this.#store.add(model.onDidChange(() => redraws.add([])));
    this.#store.add(mirror.onDidChangeOperations(() => redraws.add([])));
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

  async getChildren(node?: BackupNode): Promise<BackupNode[]> {
    switch (node?.type) {
      case undefined:
        return this.#mirror.connection.state === "connected" ? this.#listRoots() : [];
      case "repository":
        return this.#instancesIn(node.repository.name);
      case "instance":
        return node.backedUp.backups.map((backup) => ({ type: "backup", backup }));
      default:
        return [];
    }
  }

  getTreeItem(node: BackupNode): vscode.TreeItem {
    const now = new Date();
    switch (node.type) {
      case "repository":
        return this.#repositoryRow(node, now);
      case "instance": {
        const { repository, backedUp: kept } = node;
        const data = backedUpItem(repository, kept, this.#instance(node.id), now);
        return row(data, kept.backups.length > 0 ? Collapsed : None);
      }
      case "backup":
        return row(backupItem(node.backup, this.#instance(node.backup.instance.id), now), None);
      case "backup-note":
        return noteRow(node.id, node.text);
    }
  }

  /** It stands there at once; what lies in it is read meanwhile, and told when it is known. */
  #repositoryRow({ repository }: RepositoryNode, now: Date): vscode.TreeItem {
    const { name } = repository;
    void this.#cache.contents(name);
    const data = repositoryItem(
      repository,
      this.#cache.known(name),
      this.#plans,
      this.#operationOn(name),
      now,
    );
    return row(data, this.#roots.length === 1 ? Expanded : Collapsed);
  }

  async #listRoots(): Promise<BackupNode[]> {
    try {
      const { repositories, plans } = await this.#cache.list();
      this.#plans = plans;
      setContexts({ "berth.noRepository": repositories.length === 0 });
      this.#roots = repositories.map((repository) => ({ type: "repository", repository }));
      return [...this.#roots];
    } catch (error) {
      return [{ type: "backup-note", id: "list", text: capitalised(messageOf(error)) }];
    }
  }

  async #instancesIn(repository: string): Promise<BackupNode[]> {
    const asked = this.#cache.contents(repository);
    const contents = this.#cache.known(repository) ?? (await asked);
    const notes = contents.problems.map(({ message }, index): BackupNode => {
      return { type: "backup-note", id: `${repository}-${index}`, text: capitalised(message) };
    });
    const groups = backedUp(repository, contents, this.#plans, this.#model.alive());
    return [
      ...notes,
      ...groups.map((kept): BackupNode => ({ type: "instance", id: kept.id, repository, backedUp: kept })),
    ];
  }

  #instance(id: string): Instance | undefined {
    const found = this.#model.get(id);
    return found?.state === "deleted" ? undefined : found;
  }

  /** A check or a prune. */
  #operationOn(repository: string): Operation | undefined {
    return [...this.#mirror.operations.values()].find(
      ({ kind, target, status }) =>
        status === "running" &&
        target === repository &&
        (kind === "check-repository" || kind === "prune-repository"),
    );
  }

  #redraw(repository: string | undefined): void {
    this.#changed.fire(this.#roots.find((node) => node.repository.name === repository));
  }

  /** What can be done with a backup, and what is done to a repository, may be otherwise than it was drawn. */
  #drawAnew(): void {
    if (this.#roots.length === 0) return;
    const instances = this.#model
      .alive()
      .map(({ id, name, state, operation }) => [id, name, state, operation]);
    const working = this.#roots.map(({ repository: { name } }) => {
      const operation = this.#operationOn(name);
      return operation && [operation.id, operation.progress];
    });
    const drawn = JSON.stringify([instances, working]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    for (const node of this.#roots) this.#changed.fire(node);
  }
}

function row(data: BackupItem, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const item = new vscode.TreeItem(data.label, state);
  item.id = data.id;
  item.description = data.description;
  item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.tooltip = new vscode.MarkdownString(data.tooltip, true);
  item.accessibilityInformation = { label: data.ariaLabel };
  return item;
}
