/** The command that builds an image of a container from a Containerfile or Dockerfile of the workspace. */
import path from "node:path";
import * as vscode from "vscode";
import type { ContainerRuntime } from "../api/container.ts";
import type { Args } from "./actions.ts";
import { suggestTag } from "./container-image-items.ts";
import { nodesIn } from "./image-actions.ts";
import { pickWorkspaceFile } from "./pick-file.ts";
import type { Services } from "./services.ts";
import { openBuildTerminal } from "./terminals.ts";
import { containerImageProblem } from "./wizard-choices.ts";

const BUILD_FILES = "**/{Containerfile,Dockerfile,Containerfile.*,Dockerfile.*,*.Containerfile,*.Dockerfile}";

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
function pickBuildFile(): Promise<vscode.Uri | undefined> {
  return pickWorkspaceFile(BUILD_FILES, {
    none: vscode.l10n.t("There is no Containerfile or Dockerfile in this workspace."),
    placeHolder: vscode.l10n.t("Build which file? It may copy from the directory around it."),
  });
}
