/** The logs of the instances and of the engine as read-only documents, read anew whenever one is asked for. */
import { open } from "node:fs/promises";
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { Disposable } from "../base/disposable.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { withoutControls } from "./plain-text.ts";

/** `output` is what a container prints: the engine keeps that where it keeps what a machine's serial port prints. */
export type LogSource = "serial" | "output" | "cloud-init" | "driver";

const SCHEME = "berth-log";
const ENGINE_URI = vscode.Uri.from({ scheme: SCHEME, path: "/engine.log" });
/** The end of the engine's log that is shown; an editor grows slow on more. */
const ENGINE_LOG_BYTES = 2 ** 20;

export class LogDocuments implements vscode.TextDocumentContentProvider, Disposable {
  readonly #mirror: Pick<EngineMirror, "client">;
  readonly #engineLog: string;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  constructor(mirror: Pick<EngineMirror, "client">, engineLog: string) {
    this.#mirror = mirror;
    this.#engineLog = engineLog;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const text = uri.path === ENGINE_URI.path ? await endOf(this.#engineLog) : await this.#instanceLog(uri);
    return text === "" ? vscode.l10n.t("(This log is empty.)") : withoutControls(text);
  }

  async show(instance: string, source: LogSource): Promise<void> {
    await this.#open(vscode.Uri.from({ scheme: SCHEME, path: `/${instance}.${source}.log` }));
  }

  async showEngine(): Promise<void> {
    await this.#open(ENGINE_URI);
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }

  async #instanceLog(uri: vscode.Uri): Promise<string> {
    const [name = "", source = ""] = uri.path.slice(1).split(".");
    const client = await this.#mirror.client();
    const kept = source === "output" ? "serial" : (source as Exclude<LogSource, "output">);
    return (await client.api.instances.log({ name, source: kept })).text;
  }

  /** At its end, where the news is. */
  async #open(uri: vscode.Uri): Promise<void> {
    const shown = vscode.workspace.textDocuments.some(
      (document) => document.uri.toString() === uri.toString(),
    );
    if (shown) this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    const editor = await vscode.window.showTextDocument(document, { preview: true });
    const end = document.lineAt(document.lineCount - 1).range.end;
    editor.selection = new vscode.Selection(end, end);
    editor.revealRange(new vscode.Range(end, end));
  }
}

async function endOf(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - ENGINE_LOG_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), { position: start });
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await handle.close();
  }
}

export function sourceChoices({ state, container }: Instance): (vscode.QuickPickItem & { id: LogSource })[] {
  if (container) return [{ id: "output", label: vscode.l10n.t("Output") }];
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
