/** Folders and windows inside instances, through whichever Remote-SSH extension the editor has. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { sshAliases } from "../base/ssh-alias.ts";
import {
  authorityOf,
  folderAddress,
  installedRemote,
  MICROSOFTS,
  type RemoteExtension,
  remoteFor,
  type WindowChoice,
  wantsNewWindow,
} from "../client/remote/authority.ts";
import { pickGuestFolder } from "./guest-folder-pick.ts";
import { workFor } from "./guest-screen.ts";
import { withCancellableProgress } from "./progress.ts";
import { pickInstance } from "./prompts.ts";
import { ensureSshSetup } from "./remote-setup.ts";
import type { Services } from "./services.ts";
import { instancesIn } from "./targets.ts";
import { openTerminal } from "./terminals.ts";

type Args = readonly unknown[];

const SSH_PORT = 22;

/** An instance that can be opened into: it runs, and ssh knows it. */
export type Reached = { services: Services; instance: Instance; remote: RemoteExtension };

export async function openFolder(services: Services, args: Args): Promise<void> {
  const reached = await reach(services, args);
  if (!reached) return;
  const { instance } = reached;
  const client = await services.mirror.client();
  const ending = new AbortController();
  try {
    const title = vscode.l10n.t("Open Folder in {0}", instance.name);
    const end = { client, instance: instance.name, signal: ending.signal };
    const chosen = await pickGuestFolder(end, title, undefined);
    if (chosen) await openPath(reached, chosen.path, chosen.newWindow ? true : undefined);
  } finally {
    ending.abort();
  }
}

/** A window without a folder, for those who want to look around first. */
export async function openWindow(services: Services, args: Args): Promise<void> {
  const reached = await reach(services, args);
  if (!reached) return;
  const alias = await aliasOf(reached);
  const reuseWindow = !newWindow();
  await vscode.commands.executeCommand("vscode.newWindow", {
    remoteAuthority: authorityOf(alias),
    reuseWindow,
  });
}

/** Everything before a folder can be chosen. Undefined when the user has chosen something else. */
export async function reach(services: Services, args: Args): Promise<Reached | undefined> {
  await services.mirror.client();
  const [named] = instancesIn(args, "open", services.model, services.selection()) ?? [];
  const instance = named ?? (await pickInstance(services.model, "open", { single: "take" }));
  if (!instance) return undefined;
  const remote = await remoteExtension(services, instance);
  if (!remote || !(await ensureSshSetup(services))) return undefined;
  void suggestTimeout(services);
  await makeRunning(services, instance.name);
  if (instance.container) await refuseWithoutServer(services, instance.name);
  return { services, instance, remote };
}

/** The remote extension would tell of a lost connection alone, in a window that is open by then. */
async function refuseWithoutServer(services: Services, name: string): Promise<void> {
  const client = await services.mirror.client();
  const connection = await client.tunnel(name, { port: SSH_PORT });
  connection.close();
}

export async function openPath(reached: Reached, path: string, inNewWindow?: boolean): Promise<void> {
  const alias = await aliasOf(reached);
  const uri = vscode.Uri.from(folderAddress(alias, path));
  const forceNewWindow = inNewWindow ?? newWindow();
  const options = forceNewWindow ? { forceNewWindow } : { forceReuseWindow: true };
  await vscode.commands.executeCommand("vscode.openFolder", uri, options);
}

async function aliasOf({ services, instance, remote }: Reached): Promise<string> {
  const alias = sshAliases(services.model.alive()).get(instance.id);
  if (alias === undefined)
    throw new EngineError("not-found", `cannot open ${instance.name}: it is not there any more`);
  if (remote.id === MICROSOFTS) await tellPlatform(services, alias);
  return alias;
}

function newWindow(): boolean {
  const choice = vscode.workspace.getConfiguration("berth").get<WindowChoice>("openInstanceIn", "auto");
  const used = (vscode.workspace.workspaceFolders?.length ?? 0) > 0;
  return wantsNewWindow(choice, used);
}

/** Microsoft's extension asks which system a host is, and on Windows cannot find out by itself. */
async function tellPlatform({ log }: Services, alias: string): Promise<void> {
  const settings = vscode.workspace.getConfiguration("remote.SSH");
  const platforms = settings.get<Record<string, string>>("remotePlatform") ?? {};
  if (platforms[alias] === "linux") return;
  try {
    const wanted = { ...platforms, [alias]: "linux" };
    await settings.update("remotePlatform", wanted, vscode.ConfigurationTarget.Global);
  } catch (error) {
    log.warn(`cannot set remote.SSH.remotePlatform: ${messageOf(error)}`);
  }
}

/** Set when the user has answered. */
const TIMEOUT_ASKED = "berth.connectTimeoutAsked";
/** Less is too little for an instance that a connection has to start first. */
const ENOUGH_S = 60;
const SUGGESTED_S = 120;

/** Berth's commands start an instance before they open it, but a window that is opened again later does not. */
async function suggestTimeout({ memory, log }: Services): Promise<void> {
  const settings = vscode.workspace.getConfiguration("remote.SSH");
  const waits = settings.get<number>("connectTimeout");
  if (typeof waits !== "number" || waits >= ENOUGH_S || memory.global.get(TIMEOUT_ASKED)) return;
  const yes = vscode.l10n.t("Wait {0} Seconds", SUGGESTED_S);
  const text = vscode.l10n.t(
    "Remote-SSH waits {0} seconds for a host. An instance that has to start first may take longer.",
    waits,
  );
  try {
    const answer = await vscode.window.showInformationMessage(text, yes, vscode.l10n.t("Leave It"));
    if (answer === yes)
      await settings.update("connectTimeout", SUGGESTED_S, vscode.ConfigurationTarget.Global);
    if (answer !== undefined) await memory.global.update(TIMEOUT_ASKED, true);
  } catch (error) {
    log.warn(`cannot set remote.SSH.connectTimeout: ${messageOf(error)}`);
  }
}

/** Starts it where it does not run, or waits for what is under way. */
export async function makeRunning(services: Services, name: string): Promise<void> {
  const client = await services.mirror.client();
  const doing = workFor(await client.api.instances.get({ name }));
  if (doing === "none") return;
  await withCancellableProgress(vscode.l10n.t("Starting {0}", name), async (signal, report) => {
    const operation =
      doing === "start"
        ? await client.api.instances.start({ name })
        : await client.api.operations.get({ id: doing.follow });
    await client.watchOperation(
      operation,
      doing === "start" ? { signal, onProgress: report } : { onProgress: report },
    );
  });
}

const BROWSE = "berth.browseFiles";

/** Where there is none, what can be done instead; undefined when that was done. */
async function remoteExtension(services: Services, instance: Instance): Promise<RemoteExtension | undefined> {
  const find = () => installedRemote((id) => vscode.extensions.getExtension(id) !== undefined);
  const present = find();
  if (present) return present;
  const wanted = remoteFor(vscode.env.uriScheme);
  const canInstall = vscode.env.uiKind === vscode.UIKind.Desktop;
  const installs = vscode.l10n.t("Install {0}", wanted.name);
  const shell = vscode.l10n.t("Open Shell");
  const browse = vscode.l10n.t("Browse Files");
  const browses = (await vscode.commands.getCommands(true)).includes(BROWSE);
  const chosen = await vscode.window.showInformationMessage(
    vscode.l10n.t(
      "A folder inside an instance opens through a Remote-SSH extension, and there is none here.",
    ),
    ...(canInstall ? [installs] : []),
    shell,
    ...(browses ? [browse] : []),
  );
  if (chosen === shell) openTerminal(services, instance.name);
  else if (chosen === browse) await vscode.commands.executeCommand(BROWSE, instance.name);
  else if (chosen === installs) {
    await vscode.commands.executeCommand("workbench.extensions.installExtension", wanted.id);
    return find() ?? wanted;
  }
  return undefined;
}
