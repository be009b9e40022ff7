/** Asks once per window whether the workspace's instances shall be brought up. Never where nothing is trusted. */
import * as vscode from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Model } from "../model.ts";
import type { ProjectFile, Projects } from "./projects.ts";
import { needsUp } from "./rows.ts";

const NEVER = "berth.project.neverOffer";

type Deps = {
  projects: Projects;
  model: Model;
  workspace: vscode.Memento;
  /** Resolves when it is known which instances there are, as far as that can be known without starting anything. */
  known: () => Promise<void>;
};

export function offerUp({ projects, model, workspace, known }: Deps): Disposable {
  const store = new DisposableStore();
  const offered = new Set<string>();
  const look = async () => {
    if (!vscode.workspace.isTrusted || !wants()) return;
    await known();
    for (const file of projects.files) {
      const id = file.uri.toString();
      const { project } = file.checked;
      if (!project || offered.has(id) || workspace.get<string[]>(NEVER, []).includes(id)) continue;
      offered.add(id);
      if (needsUp(project, (name) => model.byName(name))) await offer(file, workspace);
    }
  };
  store.add(projects.onDidChange(() => void look()));
  store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => void look()));
  return store;
}

async function offer({ uri, folder }: ProjectFile, workspace: vscode.Memento): Promise<void> {
  const up = vscode.l10n.t("Up");
  const later = vscode.l10n.t("Not Now");
  const never = vscode.l10n.t("Never for This Workspace");
  const many = (vscode.workspace.workspaceFolders ?? []).length > 1;
  const text = many
    ? vscode.l10n.t("The folder {0} has a berth.yaml: bring its instances up?", folder)
    : vscode.l10n.t("This workspace has a berth.yaml: bring its instances up?");
  const chosen = await vscode.window.showInformationMessage(text, up, later, never);
  if (chosen === up) await vscode.commands.executeCommand("berth.projectUp", uri);
  else if (chosen === never)
    await workspace.update(NEVER, [...workspace.get<string[]>(NEVER, []), uri.toString()]);
}

function wants(): boolean {
  return vscode.workspace.getConfiguration("berth").get<boolean>("project.offerUp", true);
}
