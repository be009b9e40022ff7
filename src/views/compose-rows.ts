/** The rows of compose projects in the tree *Instances*. They are asked for when they are unfolded. */
import * as vscode from "vscode";
import type { ComposeProject } from "../api/compose.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { COMPOSE_CONTEXT, composeContainerItem, projectItem } from "./compose-items.ts";
import { runtimesOn } from "./container-items.ts";
import type { Model } from "./model.ts";
import { capitalised } from "./phrases.ts";
import { dataRow, noteRow } from "./tree-items.ts";

const { None, Collapsed } = vscode.TreeItemCollapsibleState;

export type ComposeNode =
  | { readonly type: "compose" }
  | { readonly type: "compose-project"; readonly project: ComposeProject }
  | { readonly type: "compose-container"; readonly project: ComposeProject; readonly id: string }
  | { readonly type: "compose-none" }
  | { readonly type: "compose-note"; readonly text: string };

export const COMPOSE: ComposeNode = { type: "compose" };

export class ComposeRows {
  readonly #mirror: EngineMirror;
  readonly #model: Model;
  #projects: Promise<ComposeProject[]> | undefined;
  /** Something was brought up or down from here. */
  #used = false;

  constructor(mirror: EngineMirror, model: Model) {
    this.#mirror = mirror;
    this.#model = model;
  }

  /** None where nothing runs containers, nor in a tree that is empty but for this: it shows how to begin. */
  get roots(): ComposeNode[] {
    const { engine } = this.#model;
    const connected = this.#mirror.connection.state === "connected";
    const possible = connected && engine && runtimesOn(engine).length > 0;
    return possible && (this.#used || this.#model.all().length > 0) ? [COMPOSE] : [];
  }

  /** They are asked for anew when they are drawn. */
  forget(): void {
    this.#projects = undefined;
  }

  /** From now on they are shown even in a tree that is empty but for them. */
  use(): void {
    this.forget();
    this.#used = true;
  }

  async children(node: ComposeNode): Promise<ComposeNode[]> {
    if (node.type === "compose-project") {
      const { project } = node;
      return project.containers.map(({ id }) => ({ type: "compose-container", project, id }));
    }
    if (node.type !== "compose") return [];
    try {
      this.#projects ??= this.#list();
      const projects = await this.#projects;
      if (projects.length > 0)
        return projects.map((project): ComposeNode => ({ type: "compose-project", project }));
      return [{ type: "compose-none" }];
    } catch (error) {
      this.#projects = undefined;
      return [{ type: "compose-note", text: capitalised(messageOf(error)) }];
    }
  }

  item(node: ComposeNode): vscode.TreeItem {
    switch (node.type) {
      case "compose":
        return sectionRow();
      case "compose-project":
        return dataRow(projectItem(node.project), Collapsed);
      case "compose-container": {
        const container = node.project.containers.find(({ id }) => id === node.id);
        return container ? dataRow(composeContainerItem(container), None) : new vscode.TreeItem("");
      }
      case "compose-none":
        return new vscode.TreeItem(vscode.l10n.t("None yet: bring up a compose file."));
      case "compose-note":
        return noteRow("compose", node.text);
    }
  }

  async #list(): Promise<ComposeProject[]> {
    const { api } = await this.#mirror.client();
    return (await api.composeProjects.list({})).items;
  }
}

/** The project whose row a command was called on. */
export function composeProjectOf(args: readonly unknown[]): ComposeProject | undefined {
  const [node] = args as readonly (ComposeNode | undefined)[];
  return node?.type === "compose-project" ? node.project : undefined;
}

function sectionRow(): vscode.TreeItem {
  const label = vscode.l10n.t("Compose Projects");
  const item = new vscode.TreeItem(label, Collapsed);
  item.accessibilityInformation = { label };
  item.id = "compose";
  item.iconPath = new vscode.ThemeIcon("layers");
  item.contextValue = COMPOSE_CONTEXT;
  item.tooltip = vscode.l10n.t("Containers that were made together, by the compose of Docker or Podman");
  return item;
}
