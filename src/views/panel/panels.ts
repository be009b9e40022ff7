/** All open panels: one for each instance, found again after a window was reloaded. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Services } from "../services.ts";
import { InstancePanel } from "./panel.ts";

export const VIEW_TYPE = "berth.instance";

export class Panels implements Disposable {
  readonly #services: Services;
  readonly #media: vscode.Uri;
  readonly #open = new Map<string, { panel: vscode.WebviewPanel; owned: DisposableStore }>();

  constructor(services: Services, dist: string) {
    this.#services = services;
    this.#media = vscode.Uri.joinPath(vscode.Uri.file(dist), "webview");
  }

  /** Brings the instance's panel to the front; makes it where there is none. */
  show(id: string): void {
    const open = this.#open.get(id);
    if (open) {
      open.panel.reveal();
      return;
    }
    const name = this.#services.model.get(id)?.name ?? "";
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, name, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [this.#media],
    });
    this.adopt(panel, id);
  }

  /** Takes over a panel that is there: a new one, or one from before the window was reloaded. */
  adopt(panel: vscode.WebviewPanel, id: string): void {
    const owned = new DisposableStore();
    owned.add(new InstancePanel(this.#services, panel, id, this.#media));
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
