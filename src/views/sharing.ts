/** The commands about what instances share with this host: folders, ports, files; and their extra disks. */
import path from "node:path";
import * as vscode from "vscode";
import type { Mount } from "../api/mount.ts";
import type { PortForward } from "../api/port.ts";
import { EngineError } from "../base/errors.ts";
import type { Place } from "../client/transfer/places.ts";
import { type Args, say, targets } from "./actions.ts";
import { listText, sizeText } from "./phrases.ts";
import { typedPort } from "./port-text.ts";
import { isLoopback } from "./ports-items.ts";
import { withCancellableProgress } from "./progress.ts";
import { confirmWide } from "./prompts.ts";
import type { Services } from "./services.ts";
import { typedDisk } from "./wizard-choices.ts";
import { runOn, type Verb } from "./work.ts";

export async function mountFolder(services: Services, args: Args): Promise<void> {
  const instances = await targets(services, "mount", args);
  if (instances.length === 0) return;
  const [uri] = (await chooseFolder()) ?? [];
  if (!uri) return;
  const source = uri.fsPath;
  const target = await vscode.window.showInputBox({
    title: vscode.l10n.t("Mount {0}", path.basename(source)),
    prompt: vscode.l10n.t("Where in {0}? A relative path begins at the user's home.", namesText(instances)),
    value: path.basename(source),
    validateInput: (text) => (text.trim() === "" ? vscode.l10n.t("A path is needed.") : undefined),
  });
  if (target === undefined) return;
  const verb: Verb = {
    title: (count) => vscode.l10n.t("Mounting in {0} instances", count),
    request: (api, name) => api.mounts.add({ name, source, target: target.trim() }),
  };
  if (await runOn(services, verb, instances)) say(vscode.l10n.t("{0} is mounted.", path.basename(source)));
}

/** An open folder is offered first: it is what is most often meant. */
async function chooseFolder(): Promise<readonly vscode.Uri[] | undefined> {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
  return vscode.window.showOpenDialog({
    title: vscode.l10n.t("Mount Folder"),
    openLabel: vscode.l10n.t("Mount"),
    canSelectFolders: true,
    canSelectFiles: false,
    ...(folder ? { defaultUri: folder.uri } : {}),
  });
}

export async function unmount(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "unmount", args);
  if (!instance) return;
  const picks = instance.mounts.map((mount: Mount) => ({
    label: mount.target,
    description: mount.source,
    target: mount.target,
  }));
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Unmount from {0}", instance.name),
    placeHolder: vscode.l10n.t("Which folder? Nothing in it is deleted."),
  });
  if (!picked) return;
  const { target } = picked;
  await runOn(services, { title: () => "", request: (api, name) => api.mounts.remove({ name, target }) }, [
    instance,
  ]);
}

export async function forwardPort(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "addPort", args);
  if (!instance) return;
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Forward a Port of {0}", instance.name),
    prompt: vscode.l10n.t(
      "The guest's port: 80. Or that of this host and that of the guest: 8080:80. Only this host can connect.",
    ),
    placeHolder: "8080:80",
    validateInput: (typed) =>
      typedPort(typed) ? undefined : vscode.l10n.t("Write a port such as 80, 8080:80 or 5353:53/udp."),
  });
  const wanted = text === undefined ? undefined : typedPort(text);
  if (!wanted) return;
  const port = wanted.hostPort ?? wanted.guestPort;
  if (!isLoopback(wanted.hostAddress) && !(await confirmWide(instance, port))) return;
  const request: Verb["request"] = (api, name) => api.ports.add({ name, ...wanted });
  await runOn(services, { title: () => "", request }, [instance]);
}

export async function removePort(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "removePort", args);
  if (!instance) return;
  const picks = instance.ports.map((port: PortForward) => ({
    label: `${port.hostAddress}:${port.hostPort}`,
    description: vscode.l10n.t("to port {0} of the guest, {1}", port.guestPort, port.protocol),
    port,
  }));
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Stop Forwarding to {0}", instance.name),
    placeHolder: vscode.l10n.t("Which port?"),
  });
  if (!picked) return;
  const { protocol, hostPort } = picked.port;
  const request: Verb["request"] = (api, name) => api.ports.remove({ name, protocol, hostPort });
  await runOn(services, { title: () => "", request }, [instance]);
}

export async function addDisk(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "addDisk", args);
  if (!instance) return;
  const client = await services.mirror.client();
  const { host } = services.model.engine ?? (await client.api.engine.info());
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Add a Disk to {0}", instance.name),
    prompt: vscode.l10n.t("How large? It is empty, and grows as it fills."),
    value: "10 GiB",
    validateInput: (typed) => {
      const read = typedDisk(typed, host);
      return "refused" in read ? read.refused : undefined;
    },
  });
  const read = text === undefined ? undefined : typedDisk(text, host);
  if (!read || "refused" in read) return;
  const request: Verb["request"] = (api, name) => api.disks.add({ name, sizeBytes: read.value });
  await runOn(services, { title: () => "", request }, [instance]);
}

export async function removeDisk(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "removeDisk", args);
  if (!instance) return;
  const picks = instance.disks
    .filter(({ removedAt }) => removedAt === undefined)
    .map(({ name, sizeBytes }) => ({ label: name, description: sizeText(sizeBytes) }));
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Remove a Disk from {0}", instance.name),
    placeHolder: vscode.l10n.t("Which disk? What it holds is kept, and can be put back."),
  });
  if (!picked) return;
  const request: Verb["request"] = (api, name) => api.disks.remove({ name, disk: picked.label });
  await runOn(services, { title: () => "", request }, [instance]);
}

export async function copyTo(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "copyTo", args);
  if (!instance) return;
  const uris = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("Copy Files to {0}", instance.name),
    openLabel: vscode.l10n.t("Copy"),
    canSelectFiles: true,
    canSelectFolders: true,
    canSelectMany: true,
  });
  if (uris) await copyInto(services, instance.name, uris);
}

/** Into the home of the instance's user, whatever is there of the same name included. */
export async function copyInto(services: Services, name: string, uris: readonly vscode.Uri[]): Promise<void> {
  const strange = uris.find(({ scheme }) => scheme !== "file");
  if (strange) {
    throw new EngineError("not-supported", `cannot copy ${strange.path}: it is not on this host's disk`);
  }
  const places: Place[] = uris.map(({ fsPath }) => ({ at: "host", path: fsPath }));
  const what = listText(uris.map(({ fsPath }) => path.basename(fsPath)));
  const client = await services.mirror.client();
  const { transfer } = await import("../client/transfer/transfer.ts");
  await withCancellableProgress(vscode.l10n.t("Copying {0} to {1}", what, name), (signal, report) =>
    transfer(
      places,
      { at: "guest", instance: name, path: "." },
      {
        ...{ client, recursive: true, parents: false, platform: services.platform, signal },
        ...{ stdin: process.stdin, stdout: process.stdout },
        onProgress: (done, total) => report({ phase: "transfer", done, ...(total ? { total } : {}) }),
        onSkipped: (file) => services.log.warn(`${file} is no file, directory or link: left out`),
      },
    ),
  );
  say(vscode.l10n.t("{0} copied to {1}.", what, name));
}

function namesText(instances: readonly { name: string }[]): string {
  return listText(instances.map(({ name }) => name));
}
