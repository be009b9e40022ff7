/** A file of this workspace that lies on this computer's disk, where the engine can read it. */
import * as vscode from "vscode";

const NOT_HERE = "**/node_modules/**";
const MOST_FILES = 200;

/** `pattern` is a glob. Without a file `none` is said; undefined then, and where none was picked. */
export async function pickWorkspaceFile(
  pattern: string,
  words: { none: string; placeHolder: string },
): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(pattern, NOT_HERE, MOST_FILES);
  const files = found.filter(({ scheme }) => scheme === "file");
  if (files.length === 0) {
    void vscode.window.showInformationMessage(words.none);
    return undefined;
  }
  const picks = files
    .map((file) => ({ label: vscode.workspace.asRelativePath(file), file }))
    .sort((a, b) => a.label.localeCompare(b.label));
  return (await vscode.window.showQuickPick(picks, { placeHolder: words.placeHolder }))?.file;
}
