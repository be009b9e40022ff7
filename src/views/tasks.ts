/** Tasks of the type `berth`: those of `tasks.json`, and the scripts of a package that a running guest has mounted. */
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { EngineMirror } from "../client/mirror.ts";
import type { Model } from "./model.ts";
import {
  type HostFolder,
  isMountedIn,
  npmGroup,
  npmScripts,
  TASK_TYPE,
  type TaskWords,
} from "./task-definition.ts";

type Deps = {
  mirror: EngineMirror;
  model: Model;
  /** Resolves when an engine that ran already has been joined, or there was none. */
  joined: Promise<unknown>;
};

export function taskProvider(deps: Deps): vscode.TaskProvider {
  return {
    provideTasks: () => detected(deps),
    resolveTask: (task) =>
      made(deps, {
        words: task.definition as TaskWords & vscode.TaskDefinition,
        name: task.name,
        scope: task.scope ?? vscode.TaskScope.Workspace,
      }),
  };
}

type Made = {
  words: TaskWords & vscode.TaskDefinition;
  name: string;
  scope: vscode.WorkspaceFolder | vscode.TaskScope.Global | vscode.TaskScope.Workspace;
};

function made({ mirror }: Deps, { words, name, scope }: Made): vscode.Task {
  const execution = new vscode.CustomExecution(async (resolved) => {
    const { TaskTerminal } = await import("./task-terminal.ts");
    return new TaskTerminal({
      words: resolved as vscode.TaskDefinition & TaskWords,
      folder: () => hostFolder(typeof scope === "object" ? scope : vscode.workspace.workspaceFolders?.[0]),
      client: () => mirror.client(),
      primary: async () =>
        (await (await import("../client/user-settings.ts")).readUserSettings())["client.primary-name"],
    });
  });
  return new vscode.Task(words, scope, name, "Berth", execution);
}

/** Starts no engine: what no engine shows as running has no tasks. */
async function detected(deps: Deps): Promise<vscode.Task[]> {
  await deps.joined;
  const running = deps.model.alive().filter(({ state, guest }) => state === "running" && guest === "linux");
  const tasks: vscode.Task[] = [];
  for (const scope of vscode.workspace.workspaceFolders ?? []) {
    const folder = await hostFolder(scope);
    const holders = folder ? running.filter((one) => isMountedIn(one, folder)) : [];
    if (!folder || holders.length === 0) continue;
    const file = await readFile(path.join(folder.path, "package.json"), "utf8").catch(() => "");
    for (const script of npmScripts(file))
      for (const { name: instance } of holders) tasks.push(npmTask(deps, { script, instance, scope }));
  }
  return tasks;
}

function npmTask(
  deps: Deps,
  of: { script: string; instance: string; scope: vscode.WorkspaceFolder },
): vscode.Task {
  const { script, instance, scope } = of;
  // A login shell, because that is where most people's npm is put on the PATH.
  const words = { type: TASK_TYPE, instance, shell: `npm run ${script}` };
  const task = made(deps, { words, scope, name: vscode.l10n.t("npm: {0} in {1}", script, instance) });
  const group = npmGroup(script);
  if (group === "build") task.group = vscode.TaskGroup.Build;
  if (group === "test") task.group = vscode.TaskGroup.Test;
  return task;
}

async function hostFolder(folder: vscode.WorkspaceFolder | undefined): Promise<HostFolder | undefined> {
  if (folder?.uri.scheme !== "file") return undefined;
  const { fsPath } = folder.uri;
  return { path: fsPath, real: await realpath(fsPath).catch(() => fsPath) };
}
