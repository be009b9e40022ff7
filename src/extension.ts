/** Composes the extension: the engine's mirror, the views on it, the commands. Nothing here starts the engine. */
import "./views/translations.ts"; // Before what has texts in tables.
import path from "node:path";
import * as vscode from "vscode";
import { once } from "./base/async.ts";
import { type Disposable, DisposableStore } from "./base/disposable.ts";
import { exists } from "./base/durable.ts";
import { messageOf } from "./base/errors.ts";
import { currentPaths, hostPlatform } from "./base/paths.ts";
import { EngineMirror } from "./client/mirror.ts";
import { writeShims } from "./client/shim.ts";
import { Arrangement } from "./views/arrangement.ts";
import { registerCommands } from "./views/commands.ts";
import { dropController } from "./views/drop.ts";
import { InstanceFiles } from "./views/files.ts";
import { GuestListeners } from "./views/guest-listeners.ts";
import { ImagesView } from "./views/images-view.ts";
import { type GroupBy, isGroupBy } from "./views/instance-rows.ts";
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
  const dist = path.join(context.extensionPath, "dist");
  const cli = path.join(dist, "cli.js");
  const mirror = store.add(
    new EngineMirror({
      connect: async (signal) => {
        const { connect } = await import("./client/connect.ts");
        return connect({ engineBundle: path.join(dist, "engine.js"), signal });
      },
    }),
  );
  const model = store.add(new Model(mirror));
  const arrangement = store.add(new Arrangement(groupBySetting()));
  store.add(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(GROUP_BY)) arrangement.groupBy = groupBySetting();
    }),
  );
  const drop = dropController(() => services);
  const view = store.add(new InstancesView({ mirror, model, arrangement, drop }));
  const listeners = store.add(new GuestListeners(mirror, model));
  const ports = store.add(new PortsView(model, listeners));
  store.add(portNews({ listeners, mirror, model, log }));
  const images = store.add(new ImagesView(mirror, model));
  const projects = store.add(new Projects());
  const operations = store.add(new OperationsView(mirror));
  const logs = store.add(new LogDocuments(mirror, currentPaths().log));
  const files = store.add(new InstanceFiles({ mirror, model, log }));
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
      cli,
      platform,
      arrangement,
      projects,
    },
    panels: once(async () => {
      const { instancePanels } = await import("./views/panel/kind.ts");
      return store.add(instancePanels(services, dist));
    }),
    displays: once(async () => {
      const { displayPanels } = await import("./views/display/kind.ts");
      return store.add(displayPanels(services, dist));
    }),
    selection: () => view.selection,
    refreshImages: () => images.refresh(),
    clearOperations: () => operations.clear(),
  };
  store.add(registerCommands(vscode.commands, services));
  const { panels, displays } = services;
  store.add(vscode.window.registerWebviewPanelSerializer("berth.instance", reopened(panels)));
  store.add(vscode.window.registerWebviewPanelSerializer("berth.display", reopened(displays)));
  store.add(vscode.window.registerTerminalProfileProvider("berth.shell", terminalProfile(services)));
  store.add(registerAgentTools(context.extension, { mirror, platform, dist }));

  const failed = (doing: string) => (error: unknown) => log.warn(`cannot ${doing}: ${messageOf(error)}`);
  const wanted = async () => void (await mirror.client().catch(failed("reach the engine")));
  for (const tree of [view, ports, images])
    store.add(tree.onDidChangeVisibility(({ visible }) => visible && void wanted()));
  const seen = [view, ports, images].some(({ visible }) => visible);
  const joined = seen ? wanted() : attachIfRunning(mirror).catch(failed("attach to the engine"));
  store.add(vscode.tasks.registerTaskProvider(TASK_TYPE, taskProvider({ mirror, model, joined })));
  const schemaFile = path.join(context.extensionPath, "media", "berth-yaml.schema.json");
  const workspace = context.workspaceState;
  store.add(supportProjects({ projects, mirror, model, workspace, wanted, joined, schemaFile }));
  terminals.restore(joined).catch(failed("show the shells that this window had"));
  putOnPath(context, cli).catch(failed("put berth on the terminals' PATH"));
  keepSshSetup(cli).catch(failed("renew the command that ssh runs"));
}

const GROUP_BY = "berth.instances.groupBy";

function groupBySetting(): GroupBy {
  const value = vscode.workspace.getConfiguration().get(GROUP_BY);
  return isGroupBy(value) ? value : "none";
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

/** Logs how the connection fares, and keeps what the engine says of its host. */
function followConnection(mirror: EngineMirror, model: Model, log: vscode.LogOutputChannel): Disposable {
  return mirror.onDidChangeConnection((connection) => {
    if (connection.state === "unavailable") return log.warn(messageOf(connection.error));
    log.info(`engine: ${connection.state}`);
    if (connection.state !== "connected") return;
    void askHost(mirror, model);
  });
}

/** What the engine can do on this host. Where it goes away meanwhile, the connection's next change asks again. */
async function askHost(mirror: EngineMirror, model: Model): Promise<void> {
  try {
    const client = await mirror.client();
    model.engine = await client.api.engine.info();
  } catch {}
}

/** An engine that runs already is joined at once; none is started. */
async function attachIfRunning(mirror: EngineMirror): Promise<void> {
  if (!(await exists(currentPaths().engineFile))) return;
  const { connect } = await import("./client/connect.ts");
  const client = await connect({}).catch(() => undefined);
  if (!client) return;
  client.dispose();
  await mirror.client();
}

/** The command `berth` in integrated terminals, run by the editor's own Node. */
async function putOnPath(context: vscode.ExtensionContext, cli: string): Promise<void> {
  const { environmentVariableCollection: environment, globalStorageUri } = context;
  if (!vscode.workspace.getConfiguration("berth").get<boolean>("addToTerminalPath", true)) {
    return environment.clear();
  }
  const directory = path.join(globalStorageUri.fsPath, "bin");
  await writeShims(directory, { execPath: process.execPath, cli });
  environment.description = vscode.l10n.t("Adds the command `berth` to the PATH");
  environment.prepend("PATH", directory + path.delimiter, {
    applyAtProcessCreation: true,
    applyAtShellIntegration: true,
  });
}

/** Where the user has agreed to it: what ssh runs is this Berth, wherever updates have put it. */
async function keepSshSetup(cli: string): Promise<void> {
  const files = currentPaths().ssh;
  if (!(await exists(files.config))) return;
  const { refresh } = await import("./client/remote/setup.ts");
  const shim = { execPath: process.execPath, cli, env: process.env };
  await refresh({ files, shim, platform: hostPlatform() });
}
