/** The tree *Images*: those on this host, and those that catalogs offer, which are asked for when they are unfolded. */
import * as vscode from "vscode";
import type { CachedImage } from "../api/image.ts";
import type { Operation } from "../api/operation.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { groupImages, type ImageChoice, type ImageGroup } from "./image-groups.ts";
import {
  availableItem,
  cachedItem,
  cachedSummary,
  type ImageItem,
  pullingItem,
  sortCached,
} from "./image-items.ts";
import type { Model } from "./model.ts";
import { capitalised } from "./phrases.ts";
import { problemText } from "./problems.ts";
import { themeIcon } from "./tree-items.ts";

export const IMAGES_VIEW_ID = "berth.images";
const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;

export type ImageNode =
  | { readonly type: "section"; readonly section: "cached" | "available" }
  | { readonly type: "pulling"; readonly operation: Operation }
  | { readonly type: "cached-image"; readonly image: CachedImage }
  | { readonly type: "image-group"; readonly group: ImageGroup }
  | { readonly type: "available-image"; readonly choice: ImageChoice; readonly group: string }
  | { readonly type: "image-note"; readonly id: string; readonly text: string };

const CACHED: ImageNode = { type: "section", section: "cached" };
const AVAILABLE: ImageNode = { type: "section", section: "available" };

export class ImagesView implements vscode.TreeDataProvider<ImageNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<ImageNode | undefined>());
  readonly #tree: vscode.TreeView<ImageNode>;
  #cached: Promise<CachedImage[]> | undefined;
  #available: Promise<ImageNode[]> | undefined;
  #pulling = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(mirror: EngineMirror, model: Model) {
    this.#mirror = mirror;
    this.#model = model;
    this.#tree = this.#store.add(
      vscode.window.createTreeView<ImageNode>(IMAGES_VIEW_ID, {
        treeDataProvider: this,
        canSelectMany: true,
        showCollapseAll: true,
      }),
    );
    this.#store.add(mirror.onDidChangeImages(() => this.#forget()));
    this.#store.add(mirror.onDidChangeInstances(() => this.#usersChanged()));
    this.#store.add(mirror.onDidChangeOperations(() => this.#pullsChanged()));
    this.#store.add(mirror.onDidChangeConnection(({ state }) => state !== "connecting" && this.refresh()));
  }

  get visible(): boolean {
    return this.#tree.visible;
  }

  get onDidChangeVisibility(): vscode.Event<vscode.TreeViewVisibilityChangeEvent> {
    return this.#tree.onDidChangeVisibility;
  }

  /** Everything is asked for anew, catalogs included. */
  refresh(): void {
    this.#cached = undefined;
    this.#available = undefined;
    this.#changed.fire(undefined);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async getChildren(node?: ImageNode): Promise<ImageNode[]> {
    if (!node) return this.#connected() ? [CACHED, AVAILABLE] : [];
    if (node.type === "image-group") {
      const { title, choices } = node.group;
      return choices.map((choice) => ({ type: "available-image", choice, group: title }));
    }
    if (node.type !== "section") return [];
    if (node.section === "available") {
      this.#available ??= this.#find();
      return this.#available;
    }
    const pulls = this.#pulls().map((operation): ImageNode => ({ type: "pulling", operation }));
    return [...pulls, ...(await this.#cachedNodes())];
  }

  async getTreeItem(node: ImageNode): Promise<vscode.TreeItem> {
    switch (node.type) {
      case "section":
        return this.#sectionRow(node.section);
      case "pulling":
        return row(pullingItem(node.operation));
      case "cached-image":
        return row(cachedItem(node.image, new Date()));
      case "available-image":
        return row(availableItem(node.choice, node.group));
      case "image-group":
        return groupRow(node.group);
      case "image-note":
        return noteRow(node.id, node.text);
    }
  }

  #connected(): boolean {
    return this.#mirror.connection.state === "connected";
  }

  async #sectionRow(section: "cached" | "available"): Promise<vscode.TreeItem> {
    const cached = section === "cached";
    const label = cached ? vscode.l10n.t("On This Host") : vscode.l10n.t("Available");
    const item = new vscode.TreeItem(label, cached ? Expanded : Collapsed);
    item.id = `section:${section}`;
    item.contextValue = `section.${section}`;
    if (cached) item.description = cachedSummary(await this.#list().catch(() => []));
    else item.description = vscode.l10n.t("from catalogs");
    return item;
  }

  #list(): Promise<CachedImage[]> {
    this.#cached ??= (async () => {
      const { api } = await this.#mirror.client();
      return sortCached((await api.images.cached()).items);
    })();
    return this.#cached;
  }

  async #cachedNodes(): Promise<ImageNode[]> {
    try {
      return (await this.#list()).map((image) => ({ type: "cached-image", image }));
    } catch (error) {
      this.#cached = undefined;
      return [{ type: "image-note", id: "cached", text: capitalised(messageOf(error)) }];
    }
  }

  /** A catalog that cannot be read costs its own images; a row says so. */
  async #find(): Promise<ImageNode[]> {
    try {
      const { api } = await this.#mirror.client();
      const { items, problems } = await api.images.find({ query: "" });
      const notes = problems.map((problem, index): ImageNode => {
        return { type: "image-note", id: `problem-${index}`, text: problemText(problem) };
      });
      const groups = groupImages(items).map((group): ImageNode => ({ type: "image-group", group }));
      if (groups.length > 0 || notes.length > 0) return [...notes, ...groups];
      return [{ type: "image-note", id: "none", text: vscode.l10n.t("The catalogs offer no image.") }];
    } catch (error) {
      this.#available = undefined;
      return [{ type: "image-note", id: "find", text: capitalised(messageOf(error)) }];
    }
  }

  #pulls(): Operation[] {
    return this.#model.imageOperations();
  }

  #forget(): void {
    this.#cached = undefined;
    this.#changed.fire(CACHED);
    // What is on this host is marked there too.
    if (!this.#available) return;
    this.#available = undefined;
    this.#changed.fire(AVAILABLE);
  }

  /** Who uses an image is asked again when there are other instances than before. */
  #users = "";
  #usersChanged(): void {
    const users = [...this.#mirror.instances.values()]
      .map(({ name, image }) => `${name} ${image.sha256}`)
      .join();
    if (users === this.#users) return;
    this.#users = users;
    this.#cached = undefined;
    this.#changed.fire(CACHED);
  }

  #pullsChanged(): void {
    const pulling = this.#pulls()
      .map((operation) => operation.id + pullingItem(operation).description)
      .join();
    if (pulling === this.#pulling) return;
    this.#pulling = pulling;
    this.#changed.fire(CACHED);
  }
}

function row(data: ImageItem): vscode.TreeItem {
  const item = new vscode.TreeItem(data.label);
  item.id = data.id;
  item.description = data.description;
  item.iconPath = themeIcon(data.icon);
  item.contextValue = data.contextValue;
  item.accessibilityInformation = { label: data.ariaLabel };
  item.tooltip = new vscode.MarkdownString(data.tooltip, true);
  return item;
}

function groupRow({ title, choices }: ImageGroup): vscode.TreeItem {
  const item = new vscode.TreeItem(title, Collapsed);
  item.id = `image-group:${title}`;
  item.description = String(choices.length);
  item.contextValue = "image-group";
  return item;
}

function noteRow(id: string, text: string): vscode.TreeItem {
  const item = new vscode.TreeItem(text, None);
  item.id = `image-note:${id}`;
  item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.tooltip = text;
  return item;
}
