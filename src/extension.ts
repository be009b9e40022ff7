/** Composes the extension: the engine's mirror, the views on it, the commands. Nothing here starts the engine. */
import "./views/translations.ts"; // Before what has texts in tables.
import path from "node:path";
import * as vscode from "vscode";
import { once } from "./base/async.ts";
import { DisposableStore } from "./base/disposable.ts";
import { messageOf } from "./base/errors.ts";
import { currentPaths, hostPlatform } from "./base/paths.ts";
import { BackupCache } from "./views/backup-cache.ts";
import { BackupFiles } from "./views/backup-files.ts";
import { BackupsView } from "./views/backups-view.ts";
import { keepSshSetup, putOnPath } from "./views/command-line.ts";
import { registerCommands } from "./views/commands.ts";
import { attachIfRunning, createMirror, followConnection } from "./views/connection.ts";
import { dropController } from "./views/drop.ts";
import { InstanceFiles } from "./views/files.ts";
import { arrangementAsSet } from "./views/grouping-setting.ts";
import { GuestListeners } from "./views/guest-listeners.ts";
import { ImagesView } from "./views/images-view.ts";
import { InstancesView } from "./views/instances-view.ts";
import { KeptTerminals } from "./views/kept-terminals.ts";
import { LogDocuments } from "./views/logs.ts";
import { Model } from "./views/model.ts";
import { OperationsView } from "./views/operations-view.ts";
import { portNews } from "./views/port-news.ts";
import { PortsView } from "./views/ports-view.ts";
import { Projects } from "./views/project/projects.ts";
import { supportProjects } from "./views/project/support.ts";
import { SandboxDocuments } from "./views/sandbox-documents.ts";
import type { Services } from "./views/services.ts";
import { SshConfigDocuments } from "./views/ssh-config-documents.ts";
import { createStatus } from "./views/status.ts";
import { TASK_TYPE } from "./views/task-definition.ts";
import { taskProvider } from "./views/tasks.ts";
import { terminalProfile } from "./views/terminals.ts";
import { registerAgentTools } from "./views/tools-lm.ts";

export function activate(context: vscode.ExtensionContext): void {
  const store = new DisposableStore();
  context.subscriptions.push(store);
  const log = store.add(vscode.window.createOutputChannel("Berth", { log: true }));
  const dist = distOf(context);
  const cli = path.join(dist, "cli.js");
  const mirror = store.add(createMirror(path.join(dist, "engine.js")));
  const model = store.add(new Model(mirror));
  const arrangement = arrangementAsSet(store);
  const drop = dropController(() => services);
  const view = store.add(new InstancesView({ mirror, model, arrangement, drop }));
  const listeners = store.add(new GuestListeners(mirror, model));
  const ports = store.add(new PortsView(model, listeners));
  store.add(portNews({ listeners, mirror, model, log }));
  const images = store.add(new ImagesView(mirror, model));
  const backups = store.add(new BackupCache(mirror));
  const backupsView = store.add(new BackupsView(mirror, model, backups));
  const projects = store.add(new Projects());
  const operations = store.add(new OperationsView(mirror));
  const logs = store.add(new LogDocuments(mirror, currentPaths().log));
  const files = store.add(new InstanceFiles({ mirror, model, log }));
  store.add(new BackupFiles(mirror));
  const sshDiff = store.add(new SshConfigDocuments());
  const sandboxDocuments = store.add(new SandboxDocuments());
  const memory = { workspace: context.workspaceState, global: context.globalState };
  const terminals = store.add(new KeptTerminals({ mirror, model, memory: memory.workspace, log }));
  const platform = hostPlatform();
  store.add(createStatus(model));
  store.add(followConnection(mirror, model, log));
  const services: Services = {
    ...{
      mirror,
      model,
      terminals,
      log,
      logs,
      files,
      sshDiff,
      sandboxDocuments,
      memory,
      secrets: context.secrets,
      cli,
      platform,
      arrangement,
      projects,
      backups,
    },
    panels: once(async () => {
      const { instancePanels } = await import("./views/panel/kind.ts");
      return store.add(await instancePanels(services, dist));
    }),
    displays: once(async () => {
      const { displayPanels } = await import("./views/display/kind.ts");
      return store.add(displayPanels(services, dist));
    }),
    selection: () => view.selection,
    refreshImages: () => images.refresh(),
    refreshCompose: () => view.refreshCompose(),
    clearOperations: () => operations.clear(),
  };
  register(context, store, services);
  connectWhenSeen(context, store, services, [view, ports, images, backupsView]);
}

/** What the workbench calls when it needs it. */
function register(context: vscode.ExtensionContext, store: DisposableStore, services: Services): void {
  const { panels, displays, mirror, platform } = services;
  store.add(registerCommands(vscode.commands, services));
  store.add(vscode.window.registerWebviewPanelSerializer("berth.instance", reopened(panels)));
  store.add(vscode.window.registerWebviewPanelSerializer("berth.display", reopened(displays)));
  store.add(vscode.window.registerTerminalProfileProvider("berth.shell", terminalProfile(services)));
  store.add(registerAgentTools(context.extension, { mirror, platform, dist: distOf(context) }));
}

/** A view that is seen starts the engine; until then one that runs already is joined, and none is started. */
function connectWhenSeen(
  context: vscode.ExtensionContext,
  store: DisposableStore,
  services: Services,
  trees: readonly Seen[],
): void {
  const { mirror, model, log, memory, projects, terminals, cli } = services;
  const failed = (doing: string) => (error: unknown) => log.warn(`cannot ${doing}: ${messageOf(error)}`);
  const wanted = async () => void (await mirror.client().catch(failed("reach the engine")));
  for (const tree of trees) store.add(tree.onDidChangeVisibility(({ visible }) => visible && void wanted()));
  const seen = trees.some(({ visible }) => visible);
  const joined = seen ? wanted() : attachIfRunning(mirror).catch(failed("attach to the engine"));
  store.add(vscode.tasks.registerTaskProvider(TASK_TYPE, taskProvider({ mirror, model, joined })));
  const schemaFile = path.join(context.extensionPath, "media", "berth-yaml.schema.json");
  store.add(
    supportProjects({ projects, mirror, model, workspace: memory.workspace, wanted, joined, schemaFile }),
  );
  terminals.restore(joined).catch(failed("show the shells that this window had"));
  putOnPath(context, cli).catch(failed("put berth on the terminals' PATH"));
  keepSshSetup(cli).catch(failed("renew the command that ssh runs"));
}

type Seen = { readonly visible: boolean; readonly onDidChangeVisibility: vscode.Event<{ visible: boolean }> };

function distOf({ extensionPath }: vscode.ExtensionContext): string {
  return path.join(extensionPath, "dist");
}

/** Panels that were open when the window was reloaded. */
function reopened(panels: Services["panels"]): vscode.WebviewPanelSerializer<{ id?: unknown }> {
  return {
    deserializeWebviewPanel: async (panel, state) => {
      if (typeof state?.id === "string") (await panels()).adopt(panel, state.id);
      else panel.dispose();
    },
  };
}
