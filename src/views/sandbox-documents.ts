/** Both sides of what was changed in a sandbox, as read-only documents for the editor's comparison. */
import * as vscode from "vscode";
import type { Disposable } from "../base/disposable.ts";

const SCHEME = "berth-sandbox";

export type ChangedTexts = { path: string; before: string | undefined; after: string | undefined };

export class SandboxDocuments implements vscode.TextDocumentContentProvider, Disposable {
  readonly #texts = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? "";
  }

  /** Opens the comparison. A later one of the same sandbox takes its place. */
  async show(sandbox: string, title: string, changes: readonly ChangedTexts[]): Promise<void> {
    const mine = vscode.Uri.from({ scheme: SCHEME, path: `/${sandbox}/` }).toString();
    for (const key of [...this.#texts.keys()]) if (key.startsWith(mine)) this.#texts.delete(key);
    const resources = changes.map(({ path, before, after }) => [
      vscode.Uri.from({ scheme: SCHEME, path: `/${sandbox}/${path}` }),
      this.#put(sandbox, path, "before", before),
      this.#put(sandbox, path, "after", after),
    ]);
    await vscode.commands.executeCommand("vscode.changes", title, resources);
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }

  #put(sandbox: string, path: string, side: string, text: string | undefined): vscode.Uri | undefined {
    if (text === undefined) return undefined;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${sandbox}/${path}`, query: side });
    this.#texts.set(uri.toString(), text);
    this.#changed.fire(uri);
    return uri;
  }
}
