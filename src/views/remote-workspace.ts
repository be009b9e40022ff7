/** This window's folder, opened inside an instance: mounted there, or copied. */
import path from "node:path";
import { PassThrough } from "node:stream";
import * as vscode from "vscode";
import { EngineError } from "../base/errors.ts";
import { listFolders } from "../client/remote/guest-folders.ts";
import { withCancellableProgress } from "./progress.ts";
import { openPath, type Reached, reach } from "./remote.ts";
import type { Services } from "./services.ts";

type How = "mount" | "copy";

/** How this workspace went into each instance, by id. */
const REMEMBERED = "berth.workspaceInInstance";

export async function openWorkspace(services: Services, args: readonly unknown[]): Promise<void> {
  const folder = await workspaceFolder();
  if (!folder) return;
  const reached = await reach(services, args);
  if (!reached) return;
  const { instance } = reached;
  const mounted = instance.mounts.find(({ source }) => path.resolve(source) === folder)?.target;
  const remembered = services.memory.workspace.get<Record<string, How>>(REMEMBERED, {});
  // A mount that was taken away since is asked for again.
  const known =
    mounted === undefined && remembered[instance.id] === "mount" ? undefined : remembered[instance.id];
  const how = known ?? (mounted === undefined ? await ask(instance.name, folder) : "mount");
  if (!how) return;
  const inside =
    how === "mount"
      ? (mounted ?? (await mount(reached, folder)))
      : await copy(reached, folder, known === "copy");
  if (inside === undefined) return;
  await services.memory.workspace.update(REMEMBERED, { ...remembered, [instance.id]: how });
  await openPath(reached, await absolute(reached, inside));
}

/** Its path on this host. */
async function workspaceFolder(): Promise<string | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const picked =
    folders.length > 1
      ? await vscode.window.showWorkspaceFolderPick({ placeHolder: vscode.l10n.t("Which folder?") })
      : folders[0];
  if (!picked && folders.length > 1) return undefined;
  if (picked?.uri.scheme === "file") return picked.uri.fsPath;
  const reason = picked ? `${picked.name} is not on this host` : "no folder is open";
  throw new EngineError("wrong-state", `cannot open the workspace in an instance: ${reason}`, {
    hint: "Open a folder of this host first, or use Open Folder in Instance.",
  });
}

async function ask(instance: string, folder: string): Promise<How | undefined> {
  const items: (vscode.QuickPickItem & { how: How })[] = [
    {
      how: "mount",
      label: `$(folder-library) ${vscode.l10n.t("Mount")}`,
      detail: vscode.l10n.t(
        "The same files on both sides: what is changed in {0} is changed here.",
        instance,
      ),
    },
    {
      how: "copy",
      label: `$(files) ${vscode.l10n.t("Copy")}`,
      detail: vscode.l10n.t(
        "Files of their own in {0}, quicker there: what is changed stays there.",
        instance,
      ),
    },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Open {0} in {1}", path.basename(folder), instance),
    placeHolder: vscode.l10n.t("How shall the folder get there? It is remembered for this workspace."),
  });
  return picked?.how;
}

/** Resolves with the path in the guest. */
async function mount({ services, instance }: Reached, folder: string): Promise<string> {
  const client = await services.mirror.client();
  const { name } = instance;
  const operation = await client.api.mounts.add({ name, source: folder });
  await withCancellableProgress(vscode.l10n.t("Mounting in {0}", name), (signal, report) =>
    client.watchOperation(operation, { signal, onProgress: report }),
  );
  return path.basename(folder);
}

/** Into the user's home, where a directory of that name is merged with it. `again`: a copy is there already. */
async function copy(
  { services, instance }: Reached,
  folder: string,
  again: boolean,
): Promise<string | undefined> {
  const name = path.basename(folder);
  if (again) {
    const open = vscode.l10n.t("Open What Is There");
    const anew = vscode.l10n.t("Copy Again");
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t("{0} has a copy of this folder.", instance.name),
      {
        modal: true,
        detail: vscode.l10n.t("Copying again overwrites what was changed there in files that are here."),
      },
      open,
      anew,
    );
    if (answer === open) return name;
    if (answer !== anew) return undefined;
  }
  const client = await services.mirror.client();
  const { transfer } = await import("../client/transfer/transfer.ts");
  await withCancellableProgress(vscode.l10n.t("Copying to {0}", instance.name), (signal, report) =>
    transfer(
      [{ at: "host", path: folder }],
      { at: "guest", instance: instance.name, path: "." },
      {
        ...{ client, recursive: true, parents: false, platform: services.platform, signal },
        ...{ stdin: new PassThrough(), stdout: new PassThrough() },
        onProgress: (done, total) => report({ phase: "transfer", done, ...(total ? { total } : {}) }),
        onSkipped: (file) => services.log.warn(`left out of the copy: ${file}`),
      },
    ),
  );
  return name;
}

async function absolute({ services, instance }: Reached, inside: string): Promise<string> {
  const client = await services.mirror.client();
  const signal = AbortSignal.timeout(30_000);
  return (await listFolders({ client, instance: instance.name, signal }, inside)).path;
}
