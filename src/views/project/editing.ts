/**
 * `berth.yaml` in the editor: what is wrong with it in the Problems panel, completion, and hovers. Where Red Hat's YAML
 * extension is there, it does what the schema says, and this tells only what no schema can say.
 */
import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import { once } from "../../base/async.ts";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Finding } from "../../client/project/parse.ts";
import { Coalescer } from "../coalesce.ts";
import { isProjectFile, type Projects } from "./projects.ts";
import type { Schema, Suggestion } from "./schema-help.ts";

const FILES: vscode.DocumentSelector = ["file", "untitled"].map((scheme) => {
  return { scheme, pattern: "**/berth.{yaml,yml}" };
});
const CHECK_EVERY_MS = 300;

/** `schemaFile` is the published schema. */
export function supportEditing(projects: Projects, schemaFile: string): Disposable {
  const store = new DisposableStore();
  store.add(new Diagnostics(projects));
  const schema = once(async () => JSON.parse(await readFile(schemaFile, "utf8")) as Schema);
  const completion: vscode.CompletionItemProvider = {
    async provideCompletionItems(document, position) {
      if (hasYamlExtension()) return [];
      const { suggest } = await import("./schema-help.ts");
      const { from, to, items } = suggest(await schema(), document.getText(), document.offsetAt(position));
      const range = new vscode.Range(document.positionAt(from), document.positionAt(to));
      return items.map((one, index) => completionItem(one, index, range));
    },
  };
  const hover: vscode.HoverProvider = {
    async provideHover(document, position) {
      if (hasYamlExtension()) return undefined;
      const { explain } = await import("./schema-help.ts");
      const found = explain(await schema(), document.getText(), document.offsetAt(position));
      if (!found) return undefined;
      const range = new vscode.Range(document.positionAt(found.from), document.positionAt(found.to));
      return new vscode.Hover(new vscode.MarkdownString(found.markdown), range);
    },
  };
  store.add(vscode.languages.registerCompletionItemProvider(FILES, completion, " ", "-", "[", "{", '"'));
  store.add(vscode.languages.registerHoverProvider(FILES, hover));
  return store;
}

function hasYamlExtension(): boolean {
  return vscode.extensions.getExtension("redhat.vscode-yaml") !== undefined;
}

function completionItem(one: Suggestion, index: number, range: vscode.Range): vscode.CompletionItem {
  const { Property, Value } = vscode.CompletionItemKind;
  const item = new vscode.CompletionItem(one.label, one.kind === "key" ? Property : Value);
  item.insertText = new vscode.SnippetString(one.insert);
  item.range = range;
  item.sortText = String(index).padStart(3, "0");
  if (one.documentation) item.documentation = new vscode.MarkdownString(one.documentation);
  if (one.goesOn) item.command = { command: "editor.action.triggerSuggest", title: "" };
  return item;
}

/** Of files that are edited as they stand in the editor, of the workspace's others as they are on disk. */
class Diagnostics implements Disposable {
  readonly #projects: Projects;
  readonly #store = new DisposableStore();
  readonly #collection = this.#store.add(vscode.languages.createDiagnosticCollection("berth"));

  constructor(projects: Projects) {
    this.#projects = projects;
    const checks = this.#store.add(new Coalescer(CHECK_EVERY_MS, () => void this.#check()));
    const check = (document: vscode.TextDocument) => isProjectFile(document.uri) && checks.add([]);
    this.#store.add(projects.onDidChange(() => checks.add([])));
    this.#store.add(vscode.extensions.onDidChange(() => checks.add([])));
    this.#store.add(vscode.workspace.onDidOpenTextDocument(check));
    this.#store.add(vscode.workspace.onDidCloseTextDocument(check));
    this.#store.add(vscode.workspace.onDidChangeTextDocument(({ document }) => check(document)));
    checks.add([]);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #check(): Promise<void> {
    const { checkProject } = await import("../../client/project/parse.ts");
    const found = new Map<string, [vscode.Uri, vscode.Diagnostic[]]>();
    for (const { uri, checked } of this.#projects.files)
      found.set(uri.toString(), [uri, diagnosticsOf(checked.findings)]);
    for (const document of vscode.workspace.textDocuments) {
      if (!isProjectFile(document.uri) || document.isClosed) continue;
      const { findings } = checkProject(document.getText());
      found.set(document.uri.toString(), [document.uri, diagnosticsOf(findings, document)]);
    }
    this.#collection.clear();
    for (const [uri, diagnostics] of found.values()) this.#collection.set(uri, diagnostics);
  }
}

function diagnosticsOf(findings: readonly Finding[], document?: vscode.TextDocument): vscode.Diagnostic[] {
  const mine = hasYamlExtension() ? findings.filter(({ about }) => about === "meaning") : findings;
  return mine.map(({ place, reason }) => {
    const at = new vscode.Position((place?.line ?? 1) - 1, (place?.column ?? 1) - 1);
    const range = document?.getWordRangeAtPosition(at, /[^\s:,[\]{}]+/) ?? new vscode.Range(at, at);
    const diagnostic = new vscode.Diagnostic(range, reason, vscode.DiagnosticSeverity.Error);
    diagnostic.source = "berth";
    return diagnostic;
  });
}
