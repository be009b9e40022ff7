/** An instance's logs as read-only documents, read anew whenever one is asked for. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Disposable } from "../base/disposable.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { withoutControls } from "./plain-text.ts";

export type LogSource = "serial" | "cloud-init" | "driver";

const SCHEME = "berth-log";

export class LogDocuments implements vscode.TextDocumentContentProvider, Disposable {
  readonly #mirror: Pick<EngineMirror, "client">;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  constructor(mirror: Pick<EngineMirror, "client">) {
    this.#mirror = mirror;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const [name = "", file = ""] = uri.path.slice(1).split("/");
    const client = await this.#mirror.client();
    const source = file.replace(/\.log$/, "") as LogSource;
    const { text } = await client.api.instances.log({ name, source });
    return text === "" ? vscode.l10n.t("(This log is empty.)") : withoutControls(text);
  }

  /** Opens it at its end. */
  async show(instance: string, source: LogSource): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${instance}/${source}.log` });
    const open = vscode.workspace.textDocuments.some(
      (document) => document.uri.toString() === uri.toString(),
    );
    if (open) this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    const editor = await vscode.window.showTextDocument(document, { preview: true });
    const end = document.lineAt(document.lineCount - 1).range.end;
    editor.revealRange(new vscode.Range(end, end));
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}

export function sourceChoices({ state }: Instance): (vscode.QuickPickItem & { id: LogSource })[] {
  const guest: (vscode.QuickPickItem & { id: LogSource })[] =
    state === "running"
      ? [
          {
            id: "cloud-init",
            label: vscode.l10n.t("cloud-init"),
            detail: vscode.l10n.t("The guest's set-up at its first boot"),
          },
        ]
      : [];
  return [
    {
      id: "serial",
      label: vscode.l10n.t("Serial console"),
      detail: vscode.l10n.t("Firmware, kernel and everything the guest prints while it boots"),
    },
    ...guest,
    {
      id: "driver",
      label: vscode.l10n.t("Driver"),
      detail: vscode.l10n.t("What the hypervisor says of this instance"),
    },
  ];
}
