/** All that the editor does with a workspace's `berth.yaml`. */
import type { Memento } from "vscode";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { EngineMirror } from "../../client/mirror.ts";
import type { Model } from "../model.ts";
import { supportEditing } from "./editing.ts";
import { offerUp } from "./offer.ts";
import { ProjectView } from "./project-view.ts";
import type { Projects } from "./projects.ts";

export type ProjectParts = {
  projects: Projects;
  mirror: EngineMirror;
  model: Model;
  /** What is remembered for this workspace. */
  workspace: Memento;
  /** Asks for the engine, which starts it where none runs. */
  wanted: () => void;
  /** Resolves when an engine that runs already has told what it has. */
  joined: Promise<void>;
  /** Absolute path of the published schema. */
  schemaFile: string;
};

export function supportProjects(parts: ProjectParts): Disposable {
  const { projects, mirror, model, workspace, wanted, joined, schemaFile } = parts;
  const store = new DisposableStore();
  store.add(new ProjectView({ mirror, model, projects, wanted }));
  store.add(supportEditing(projects, schemaFile));
  store.add(offerUp({ projects, model, workspace, known: () => joined }));
  return store;
}
