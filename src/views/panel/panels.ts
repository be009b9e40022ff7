/** All open panels of a kind: one for each instance, found again after a window was reloaded. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Model } from "../model.ts";

export type PanelKind = {
  viewType: "berth.instance" | "berth.display";
  /** Of a new one. */
  title: (name: string) => string;
  make: (panel: vscode.WebviewPanel, id: string, media: vscode.Uri) => Disposable;
};

export class Panels implements Disposable {
  readonly #model: Pick<Model, "get">;
  readonly #kind: PanelKind;
  readonly #media: vscode.Uri;
  readonly #open = new Map<string, { panel: vscode.WebviewPanel; owned: DisposableStore }>();

  constructor(model: Pick<Model, "get">, dist: string, kind: PanelKind) {
    this.#model = model;
    this.#kind = kind;
    this.#media = vscode.Uri.joinPath(vscode.Uri.file(dist), "webview");
  }

  /** Brings the instance's panel to the front; makes it where there is none. */
  show(id: string): void {
    const open = this.#open.get(id);
    if (open) {
      open.panel.reveal();
      return;
    }
    const { viewType, title } = this.#kind;
    const name = title(this.#model.get(id)?.name ?? "");
    const panel = vscode.window.createWebviewPanel(viewType, name, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [this.#media],
    });
    this.adopt(panel, id);
  }

  /** Takes over a panel that is there: a new one, or one from before the window was reloaded. */
  adopt(panel: vscode.WebviewPanel, id: string): void {
    const owned = new DisposableStore();
    owned.add(this.#kind.make(panel, id, this.#media));
    owned.add(
      panel.onDidDispose(() => {
        this.#open.delete(id);
        owned.dispose();
      }),
    );
    this.#open.set(id, { panel, owned });
  }

  dispose(): void {
    for (const { panel, owned } of [...this.#open.values()]) {
      owned.dispose();
      panel.dispose();
    }
    this.#open.clear();
  }
}
