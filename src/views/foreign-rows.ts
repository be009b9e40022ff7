/** The rows of containers that others have made in the tree *Instances*. */
import * as vscode from "vscode";
import type { ForeignContainer } from "../api/foreign-container.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import type { Event } from "../base/event.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Arrangement } from "./arrangement.ts";
import { runtimesOn } from "./container-items.ts";
import { foreignItem, ofNoProject } from "./foreign-items.ts";
import { ForeignWatch } from "./foreign-watch.ts";
import type { Model } from "./model.ts";
import { capitalised } from "./phrases.ts";
import { dataRow, noteRow } from "./tree-items.ts";

const { None, Collapsed } = vscode.TreeItemCollapsibleState;

export type ForeignNode =
  | { readonly type: "foreign" }
  | { readonly type: "foreign-container"; readonly container: ForeignContainer }
  | { readonly type: "foreign-note"; readonly text: string };

export const FOREIGN: ForeignNode = { type: "foreign" };

export class ForeignRows implements Disposable {
  readonly #model: Model;
  readonly #arrangement: Arrangement;
  readonly #store = new DisposableStore();
  readonly #watch: ForeignWatch;
  #visible = false;
  readonly onDidChange: Event<void>;

  constructor(mirror: EngineMirror, model: Model, arrangement: Arrangement) {
    this.#model = model;
    this.#arrangement = arrangement;
    this.#watch = this.#store.add(new ForeignWatch(mirror));
    this.onDidChange = this.#watch.onDidChange;
    this.#store.add(model.onDidChange(() => this.#follow()));
    this.#store.add(arrangement.onDidChange(() => this.#follow()));
  }

  /** They are watched while the tree is seen, has them, and there is something that runs containers. */
  followSight(tree: Pick<vscode.TreeView<unknown>, "visible" | "onDidChangeVisibility">): void {
    const follow = ({ visible }: { visible: boolean }) => {
      this.#visible = visible;
      this.#follow();
    };
    this.#store.add(tree.onDidChangeVisibility(follow));
    follow(tree);
  }

  /** None where there are none, nor in a tree that is empty but for this: it shows how to begin. */
  get roots(): ForeignNode[] {
    const any = this.#containers.length > 0 || this.#watch.problem !== undefined;
    return any && this.#wanted && this.#model.all().length > 0 ? [FOREIGN] : [];
  }

  children(node: ForeignNode): ForeignNode[] {
    if (node.type !== "foreign") return [];
    const { problem } = this.#watch;
    if (problem !== undefined) return [{ type: "foreign-note", text: capitalised(problem) }];
    return this.#containers.map((container) => ({ type: "foreign-container", container }));
  }

  item(node: ForeignNode): vscode.TreeItem {
    if (node.type === "foreign") return sectionRow(this.#containers.length);
    if (node.type === "foreign-note") return noteRow("foreign", node.text);
    return dataRow(foreignItem(node.container), None);
  }

  dispose(): void {
    this.#store.dispose();
  }

  get #containers(): ForeignContainer[] {
    return ofNoProject(this.#watch.containers);
  }

  get #wanted(): boolean {
    const { engine } = this.#model;
    return this.#arrangement.others && engine !== undefined && runtimesOn(engine).length > 0;
  }

  #follow(): void {
    this.#watch.want(this.#visible && this.#wanted);
  }
}

function sectionRow(count: number): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t("Other Containers"), Collapsed);
  item.id = "foreign";
  item.description = String(count);
  item.iconPath = new vscode.ThemeIcon("package");
  item.contextValue = "foreign";
  item.tooltip = vscode.l10n.t(
    "Containers that others have made. They stay as they are, until one is adopted.",
  );
  item.accessibilityInformation = { label: vscode.l10n.t("Other containers, {0}", count) };
  return item;
}
