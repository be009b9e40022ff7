/** The command that builds an image of a container from a Containerfile or Dockerfile of the workspace. */
import path from "node:path";
import * as vscode from "vscode";
import type { ContainerRuntime } from "../api/container.ts";
import type { Args } from "./actions.ts";
import { suggestTag } from "./container-image-items.ts";
import { nodesIn } from "./image-actions.ts";
import type { Services } from "./services.ts";
import { openBuildTerminal } from "./terminals.ts";
import { containerImageProblem } from "./wizard-choices.ts";

const BUILD_FILES = "**/{Containerfile,Dockerfile,Containerfile.*,Dockerfile.*,*.Containerfile,*.Dockerfile}";
const NOT_HERE = "**/node_modules/**";
const MOST_FILES = 200;

/** From the Explorer with the file; from a runtime of the tree, or from the palette, the file is asked for. */
export async function buildImage(services: Services, args: Args): Promise<void> {
  const [first] = args;
  const [node] = first instanceof vscode.Uri ? [] : nodesIn(args);
  const runtime = node?.type === "runtime" ? node.runtime : undefined;
  const file = first instanceof vscode.Uri ? first : await pickBuildFile();
  if (file) await build(services, file, runtime);
}

async function build(
  services: Services,
  file: vscode.Uri,
  runtime: ContainerRuntime | undefined,
): Promise<void> {
  const directory = path.dirname(file.fsPath);
  const tag = await vscode.window.showInputBox({
    title: vscode.l10n.t("Build {0}", vscode.workspace.asRelativePath(file)),
    prompt: vscode.l10n.t("What is the image called?"),
    value: suggestTag(directory),
    validateInput: (text) => containerImageProblem(text.trim()),
  });
  if (tag === undefined) return;
  openBuildTerminal(services, {
    ...{ directory, file: path.basename(file.fsPath), tags: [tag.trim()] },
    ...(runtime === undefined ? {} : { runtime }),
  });
}

/** The engine reads it, from this computer's disk. */
async function pickBuildFile(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(BUILD_FILES, NOT_HERE, MOST_FILES);
  const files = found.filter(({ scheme }) => scheme === "file");
  if (files.length === 0) {
    const text = vscode.l10n.t("There is no Containerfile or Dockerfile in this workspace.");
    void vscode.window.showInformationMessage(text);
    return undefined;
  }
  const picks = files
    .map((file) => ({ label: vscode.workspace.asRelativePath(file), file }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const placeHolder = vscode.l10n.t("Build which file? It may copy from the directory around it.");
  return (await vscode.window.showQuickPick(picks, { placeHolder }))?.file;
}
