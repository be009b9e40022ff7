/** The files of this workspace that describe instances: one in the top of each folder, followed by the editor's events. */
import path from "node:path";
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Checked } from "../../client/project/parse.ts";
import { setContexts } from "../context-keys.ts";

/** The first of them that is there is the folder's. */
const NAMES = ["berth.yaml", "berth.yml"] as const;

export type ProjectFile = {
  readonly uri: vscode.Uri;
  /** Absolute path of the directory that it lies in. */
  readonly directory: string;
  /** Name of the workspace's folder. */
  readonly folder: string;
  readonly checked: Checked;
  /** Where each instance begins, in lines from 0. */
  readonly lines: ReadonlyMap<string, number>;
};

export function isProjectFile(uri: vscode.Uri): boolean {
  return uri.scheme === "file" && NAMES.some((name) => name === path.basename(uri.fsPath));
}

export class Projects implements Disposable {
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new vscode.EventEmitter<void>());
  /** Replaced when there are other folders. */
  #watchers = new DisposableStore();
  #files: readonly ProjectFile[] = [];
  #reading = 0;
  /** Other files, or files that say something else. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#store.add(vscode.workspace.onDidChangeWorkspaceFolders(() => this.#watch()));
    this.#store.defer(() => this.#watchers.dispose());
    this.#watch();
  }

  get files(): readonly ProjectFile[] {
    return this.#files;
  }

  /** Reads them all again. Resolves when that is done. */
  async refresh(): Promise<void> {
    this.#reading += 1;
    const mine = this.#reading;
    const found = await Promise.all(folders().map(read));
    // A later reading knows better.
    if (mine !== this.#reading || this.#store.disposed) return;
    this.#files = found.filter((file) => file !== undefined);
    setContexts({ "berth.hasProject": this.#files.length > 0 });
    this.#changed.fire();
  }

  dispose(): void {
    this.#store.dispose();
  }

  #watch(): void {
    this.#watchers.dispose();
    this.#watchers = new DisposableStore();
    const refresh = () => void this.refresh();
    for (const folder of folders()) {
      const pattern = new vscode.RelativePattern(folder, `{${NAMES.join()}}`);
      const watcher = this.#watchers.add(vscode.workspace.createFileSystemWatcher(pattern));
      for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete])
        this.#watchers.add(event(refresh));
    }
    refresh();
  }
}

/** Those whose paths are paths of the computer that the engine runs on. */
function folders(): vscode.WorkspaceFolder[] {
  return (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
}

async function read(folder: vscode.WorkspaceFolder): Promise<ProjectFile | undefined> {
  for (const name of NAMES) {
    const uri = vscode.Uri.joinPath(folder.uri, name);
    const text = await textOf(uri);
    if (text === undefined) continue;
    const { checkProject, placesOfInstances } = await import("../../client/project/parse.ts");
    const places = [...placesOfInstances(text)].map(([instance, { line }]) => [instance, line - 1] as const);
    const directory = path.dirname(uri.fsPath);
    return { uri, directory, folder: folder.name, checked: checkProject(text), lines: new Map(places) };
  }
  return undefined;
}

async function textOf(uri: vscode.Uri): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return undefined; // It is not there, or is no file.
  }
}
