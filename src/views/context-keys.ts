/** The keys on which the manifest's welcome texts and menus depend. Each is set when it changes, and only then. */
import * as vscode from "vscode";

const known = new Map<string, unknown>();

export function setContexts(values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) {
    if (known.get(key) === value) continue;
    known.set(key, value);
    void vscode.commands.executeCommand("setContext", key, value);
  }
}
