/** Commands on compose projects: they are brought up and down in a terminal, which shows what compose prints. */
import path from "node:path";
import * as vscode from "vscode";
import type { ComposeProject, ComposeRun } from "../api/compose.ts";
import type { Args } from "./actions.ts";
import { composeProjectOf } from "./compose-rows.ts";
import { pickWorkspaceFile } from "./pick-file.ts";
import type { Services } from "./services.ts";
import { openComposeTerminal } from "./terminals.ts";

const COMPOSE_FILES = "**/{compose,docker-compose}*.{yml,yaml}";

/** A project of the tree, a file of the Explorer, or one of the workspace's that is asked for. */
export async function composeUp(services: Services, args: Args): Promise<void> {
  const [first] = args;
  const project = composeProjectOf(args);
  if (project) return run(services, "up", project);
  const file = first instanceof vscode.Uri ? first : await pickComposeFile();
  if (file) openComposeTerminal(services, upOf(file.fsPath));
}

export async function composeDown(services: Services, args: Args): Promise<void> {
  const project = composeProjectOf(args);
  if (project) run(services, "down", project);
}

export async function refreshCompose({ refreshCompose: refresh }: Services): Promise<void> {
  refresh();
}

function run(services: Services, verb: ComposeRun["verb"], { name, runtime }: ComposeProject): void {
  openComposeTerminal(services, { verb, project: name, runtime });
}

/** The main file is found by compose itself, with what overrides it beside it. */
function upOf(file: string): ComposeRun {
  const directory = path.dirname(file);
  const isMain = /^(docker-)?compose\.ya?ml$/.test(path.basename(file));
  return { verb: "up", directory, ...(isMain ? {} : { files: [file] }) };
}

function pickComposeFile(): Promise<vscode.Uri | undefined> {
  return pickWorkspaceFile(COMPOSE_FILES, {
    none: vscode.l10n.t("There is no compose file in this workspace."),
    placeHolder: vscode.l10n.t("Bring up which file?"),
  });
}
