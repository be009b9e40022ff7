/** The user's SSH configuration before and after, as two read-only documents to compare. */
import * as vscode from "vscode";
import type { Disposable } from "../base/disposable.ts";

export const SSH_CONFIG_SCHEME = "berth-ssh-config";

const BEFORE = vscode.Uri.from({ scheme: SSH_CONFIG_SCHEME, path: "/before/.ssh/config" });
const AFTER = vscode.Uri.from({ scheme: SSH_CONFIG_SCHEME, path: "/after/.ssh/config" });

export class SshConfigDocuments implements vscode.TextDocumentContentProvider, Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration = vscode.workspace.registerTextDocumentContentProvider(SSH_CONFIG_SCHEME, this);
  #texts = { before: "", after: "" };
  readonly onDidChange = this.#changed.event;

  /** The texts are bytes as latin-1. */
  show(plan: { before: string | undefined; after: string }): { before: vscode.Uri; after: vscode.Uri } {
    const decoded = (text: string) => Buffer.from(text, "latin1").toString("utf8");
    this.#texts = { before: decoded(plan.before ?? ""), after: decoded(plan.after) };
    for (const uri of [BEFORE, AFTER]) this.#changed.fire(uri);
    return { before: BEFORE, after: AFTER };
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return uri.path === BEFORE.path ? this.#texts.before : this.#texts.after;
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
