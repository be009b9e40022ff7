/** The tree *Project*: the instances of `berth.yaml`, and how they differ from it. Where nothing is trusted, what it asks for. */
import path from "node:path";
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { EngineMirror } from "../../client/mirror.ts";
import { touchesOf } from "../../client/project/touches.ts";
import { Coalescer } from "../coalesce.ts";
import type { Model } from "../model.ts";
import { themeIcon } from "../tree-items.ts";
import type { ProjectFile, Projects } from "./projects.ts";
import { findingRow, instanceOfProject, type ProjectRow, touchRow } from "./rows.ts";

const REDRAW_EVERY_MS = 300;
const { None, Expanded } = vscode.TreeItemCollapsibleState;

/** A row, with what a command on it is about. */
export type ProjectNode =
  | { readonly type: "project"; readonly file: ProjectFile }
  | { readonly type: "project-instance"; readonly file: ProjectFile; readonly name: string }
  | {
      readonly type: "project-note";
      readonly file: ProjectFile;
      readonly key: string;
      readonly row: ProjectRow;
      /** In the file, from 0. */
      readonly line: number;
    }
  | { readonly type: "project-trust" };

type Deps = {
  mirror: EngineMirror;
  model: Model;
  projects: Projects;
  /** Asks for the engine. */
  wanted: () => void;
};

export class ProjectView implements vscode.TreeDataProvider<ProjectNode>, Disposable {
  readonly #deps: Deps;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<undefined>());
  readonly #tree: vscode.TreeView<ProjectNode>;
  #bridged = "";
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(deps: Deps) {
    const { mirror, model, projects } = deps;
    this.#deps = deps;
    this.#tree = this.#store.add(
      vscode.window.createTreeView<ProjectNode>("berth.project", {
        treeDataProvider: this,
        canSelectMany: true,
      }),
    );
    const redraws = this.#store.add(new Coalescer(REDRAW_EVERY_MS, () => this.#draw()));
    const follow = () => {
      redraws.add([]);
      void this.#learnBridged(redraws);
    };
    this.#store.add(projects.onDidChange(follow));
    this.#store.add(model.onDidChange((ids) => redraws.add(ids)));
    this.#store.add(mirror.onDidChangeConnection(follow));
    this.#store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => redraws.add([])));
    this.#store.add(this.#tree.onDidChangeVisibility(() => redraws.add([])));
  }

  dispose(): void {
    this.#store.dispose();
  }

  getChildren(node?: ProjectNode): ProjectNode[] {
    const { files } = this.#deps.projects;
    if (node) return node.type === "project" ? this.#nodesOf(node.file) : [];
    const trust: ProjectNode[] = vscode.workspace.isTrusted ? [] : [{ type: "project-trust" }];
    const [only] = files;
    if (only && files.length === 1) return [...trust, ...this.#nodesOf(only)];
    return [...trust, ...files.map((file): ProjectNode => ({ type: "project", file }))];
  }

  getTreeItem(node: ProjectNode): vscode.TreeItem {
    switch (node.type) {
      case "project-trust":
        return trustItem();
      case "project":
        return fileItem(node.file);
      case "project-note":
        return rowItem(node.row, `${node.file.uri}#${node.key}`, node.file.uri, node.line);
      case "project-instance":
        return this.#instanceItem(node.file, node.name);
    }
  }

  #nodesOf(file: ProjectFile): ProjectNode[] {
    const { project, findings } = file.checked;
    if (!project) {
      return findings.map((finding, index) => {
        const line = (finding.place?.line ?? 1) - 1;
        return { type: "project-note", file, key: `finding-${index}`, row: findingRow(finding), line };
      });
    }
    if (!vscode.workspace.isTrusted) {
      return touchesOf(project, file.directory).map((touch, index) => {
        const line = file.lines.get(touch.instance) ?? 0;
        return {
          type: "project-note",
          file,
          key: `touch-${index}`,
          row: touchRow(touch, file.directory),
          line,
        };
      });
    }
    return Object.keys(project.instances).map((name) => ({ type: "project-instance", file, name }));
  }

  #instanceItem(file: ProjectFile, name: string): vscode.TreeItem {
    const { model, mirror } = this.#deps;
    const instance = model.byName(name);
    const operation = instance && model.operationOf(instance);
    const known = mirror.connection.state === "connected" || mirror.instances.size > 0;
    const situation = { directory: file.directory, known, bridged: this.#bridged };
    const wanted = file.checked.project?.instances[name] ?? {};
    const row = instanceOfProject(name, wanted, { instance, operation }, situation);
    return rowItem(row, `${file.uri}#${name}`, file.uri, file.lines.get(name) ?? 0);
  }

  /** What `bridged` means is asked for where a file says it. */
  async #learnBridged(redraws: Coalescer): Promise<void> {
    const { mirror, projects } = this.#deps;
    const asks = projects.files.some(({ checked }) =>
      Object.values(checked.project?.instances ?? {}).some(({ networks = [] }) => networks.length > 0),
    );
    if (mirror.connection.state !== "connected" || !asks) return;
    try {
      const { api } = await mirror.client();
      this.#bridged = (await api.settings.get())["local.bridged-network"];
      redraws.add([]);
    } catch {} // The next change of the connection or of a file asks again.
  }

  #draw(): void {
    const { projects, wanted } = this.#deps;
    const trusted = vscode.workspace.isTrusted;
    this.#tree.message = trusted
      ? ""
      : vscode.l10n.t("Nothing is started in a workspace that is not trusted. The file asks for this:");
    const [only] = projects.files;
    this.#tree.description = only && projects.files.length === 1 ? path.basename(only.uri.fsPath) : "";
    if (trusted && this.#tree.visible && only) wanted();
    this.#changed.fire(undefined);
  }
}

function trustItem(): vscode.TreeItem {
  const label = vscode.l10n.t("Manage Workspace Trust");
  const item = new vscode.TreeItem(label);
  item.id = "project-trust";
  item.iconPath = new vscode.ThemeIcon("workspace-untrusted");
  item.command = { command: "workbench.trust.manage", title: label };
  return item;
}

function fileItem({ uri, folder, checked }: ProjectFile): vscode.TreeItem {
  const item = new vscode.TreeItem(folder, Expanded);
  item.id = uri.toString();
  item.description = path.basename(uri.fsPath);
  item.iconPath = vscode.ThemeIcon.File;
  item.resourceUri = uri;
  item.contextValue = checked.project ? "project-file+file+up+down" : "project-file+file";
  return item;
}

function rowItem(row: ProjectRow, id: string, uri: vscode.Uri, line: number): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, None);
  item.id = id;
  item.description = row.description;
  item.iconPath = themeIcon(row.icon);
  item.contextValue = row.contextValue;
  item.tooltip = row.tooltip;
  item.accessibilityInformation = { label: row.ariaLabel };
  const selection = new vscode.Range(line, 0, line, 0);
  const title = vscode.l10n.t("Open berth.yaml");
  item.command = { command: "vscode.open", title, arguments: [uri, { selection }] };
  return item;
}
