/**
 * The tree *Images*: those on this host, those of containers in each of its runtimes, and those that catalogs offer, which
 * are asked for when they are unfolded.
 */
import * as vscode from "vscode";
import type { ContainerRuntime } from "../api/container.ts";
import type { StoredContainerImage } from "../api/container-image.ts";
import type { CachedImage } from "../api/image.ts";
import type { Operation, ProgressPart } from "../api/operation.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { layerItem, runtimeItem, sortStored, storedItem } from "./container-image-items.ts";
import { RUNTIME_NAMES, runtimesOn } from "./container-items.ts";
import { groupImages, type ImageChoice, type ImageGroup } from "./image-groups.ts";
import { availableItem, cachedItem, cachedSummary, pullingItem, sortCached } from "./image-items.ts";
import { groupRow, imageRow, noteRow } from "./image-rows.ts";
import type { Model } from "./model.ts";
import { capitalised } from "./phrases.ts";
import { problemText } from "./problems.ts";

export const IMAGES_VIEW_ID = "berth.images";
const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;

export type ImageNode =
  | { readonly type: "section"; readonly section: "cached" | "available" }
  | { readonly type: "runtime"; readonly runtime: ContainerRuntime }
  | { readonly type: "pulling"; readonly operation: Operation }
  | { readonly type: "layer"; readonly operation: Operation; readonly part: ProgressPart }
  | { readonly type: "stored-image"; readonly image: StoredContainerImage }
  | { readonly type: "cached-image"; readonly image: CachedImage }
  | { readonly type: "image-group"; readonly group: ImageGroup }
  | { readonly type: "available-image"; readonly choice: ImageChoice; readonly group: string }
  | { readonly type: "image-note"; readonly id: string; readonly text: string };

const CACHED: ImageNode = { type: "section", section: "cached" };
const AVAILABLE: ImageNode = { type: "section", section: "available" };
const RUNTIMES = (Object.keys(RUNTIME_NAMES) as ContainerRuntime[]).map((runtime) => ({
  type: "runtime" as const,
  runtime,
}));

export class ImagesView implements vscode.TreeDataProvider<ImageNode>, Disposable {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<ImageNode | undefined>());
  readonly #tree: vscode.TreeView<ImageNode>;
  #cached: Promise<CachedImage[]> | undefined;
  readonly #stored = new Map<ContainerRuntime, Promise<StoredContainerImage[]>>();
  #available: Promise<ImageNode[]> | undefined;
  #pulling = "";
  #moving = "";
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
    this.#stored.clear();
    this.#available = undefined;
    this.#changed.fire(undefined);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async getChildren(node?: ImageNode): Promise<ImageNode[]> {
    if (!node) return this.#connected() ? this.#roots() : [];
    switch (node.type) {
      case "image-group":
        return node.group.choices.map((choice) => {
          return { type: "available-image", choice, group: node.group.title };
        });
      case "pulling":
        return (node.operation.progress?.parts ?? []).map((part) => ({ ...node, type: "layer", part }));
      case "runtime":
        return this.#storedNodes(node.runtime);
      case "section":
        if (node.section === "available") return this.#listAvailable();
        return [...pullingNodes(this.#model.imageOperations()), ...(await this.#cachedNodes())];
      default:
        return [];
    }
  }

  async getTreeItem(node: ImageNode): Promise<vscode.TreeItem> {
    switch (node.type) {
      case "section":
        return this.#sectionRow(node.section);
      case "runtime":
        return this.#runtimeRow(node.runtime);
      case "pulling":
        return imageRow(
          pullingItem(node.operation),
          node.operation.kind === "pull-container-image" ? Expanded : None,
        );
      case "layer":
        return imageRow(layerItem(node.operation, node.part));
      case "stored-image":
        return imageRow(storedItem(node.image, new Date()));
      case "cached-image":
        return imageRow(cachedItem(node.image, new Date()));
      case "available-image":
        return imageRow(availableItem(node.choice, node.group));
      case "image-group":
        return groupRow(node.group);
      case "image-note":
        return noteRow(node.id, node.text);
    }
  }

  #connected(): boolean {
    return this.#mirror.connection.state === "connected";
  }

  /** Nobody knows into which runtime an image of a container comes that another client asked for. */
  #roots(): ImageNode[] {
    const { engine } = this.#model;
    const there = engine ? runtimesOn(engine) : [];
    const runtimes = RUNTIMES.filter(({ runtime }) => there.includes(runtime));
    return [...pullingNodes(this.#model.containerImageOperations()), CACHED, ...runtimes, AVAILABLE];
  }

  async #runtimeRow(runtime: ContainerRuntime): Promise<vscode.TreeItem> {
    const images = await this.#listStored(runtime).catch(() => undefined);
    return imageRow(runtimeItem(runtime, images), Collapsed);
  }

  #listStored(runtime: ContainerRuntime): Promise<StoredContainerImage[]> {
    const known = this.#stored.get(runtime);
    if (known) return known;
    const listed = (async () => {
      const { api } = await this.#mirror.client();
      return sortStored((await api.containerImages.list({ runtime })).items);
    })();
    this.#stored.set(runtime, listed);
    return listed;
  }

  async #storedNodes(runtime: ContainerRuntime): Promise<ImageNode[]> {
    try {
      return (await this.#listStored(runtime)).map((image) => ({ type: "stored-image", image }));
    } catch (error) {
      this.#stored.delete(runtime);
      return [{ type: "image-note", id: runtime, text: capitalised(messageOf(error)) }];
    }
  }

  async #sectionRow(section: "cached" | "available"): Promise<vscode.TreeItem> {
    const cached = section === "cached";
    const label = cached ? vscode.l10n.t("On This Host") : vscode.l10n.t("Available");
    const item = new vscode.TreeItem(label, cached ? Expanded : Collapsed);
    item.id = `section:${section}`;
    item.contextValue = cached ? "section.cached+prune" : "section.available";
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

  #listAvailable(): Promise<ImageNode[]> {
    this.#available ??= this.#find();
    return this.#available;
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

  #forget(): void {
    this.#forgetHost();
    // What is on this host is marked there too.
    if (!this.#available) return;
    this.#available = undefined;
    this.#changed.fire(AVAILABLE);
  }

  #forgetHost(): void {
    this.#cached = undefined;
    this.#stored.clear();
    for (const node of [CACHED, ...RUNTIMES]) this.#changed.fire(node);
  }

  /** Who uses an image is asked again when there are other instances than before. */
  #users = "";
  #usersChanged(): void {
    const users = [...this.#mirror.instances.values()]
      .map(({ name, image, container }) => `${name} ${container?.image?.id ?? image.sha256}`)
      .join();
    if (users === this.#users) return;
    this.#users = users;
    this.#forgetHost();
  }

  #pullsChanged(): void {
    const pulling = pullsText(this.#model.imageOperations());
    const moving = pullsText(this.#model.containerImageOperations());
    const changed = { host: pulling !== this.#pulling, all: moving !== this.#moving };
    this.#pulling = pulling;
    this.#moving = moving;
    if (changed.all) this.#changed.fire(undefined);
    else if (changed.host) this.#changed.fire(CACHED);
  }
}

function pullingNodes(operations: readonly Operation[]): ImageNode[] {
  return operations.map((operation) => ({ type: "pulling", operation }));
}

/** Other words for what looks different. */
function pullsText(operations: readonly Operation[]): string {
  return operations
    .map((one) => [
      one.id,
      pullingItem(one).description,
      ...(one.progress?.parts ?? []).map((part) => layerItem(one, part).description),
    ])
    .join();
}
