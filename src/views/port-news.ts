/** What begins to listen in a guest is told, or forwarded, where the settings say so. */
import * as vscode from "vscode";
import type { PortListener } from "../api/port.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { messageOf, toEngineError } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { GuestListeners } from "./guest-listeners.ts";
import type { Model } from "./model.ts";
import { leadsTo, type PortNode, unforwarded } from "./ports-items.ts";

type Deps = {
  listeners: GuestListeners;
  mirror: EngineMirror;
  model: Model;
  log: vscode.LogOutputChannel;
};

const SECTION = "berth.ports";

export function portNews({ listeners, mirror, model, log }: Deps): Disposable {
  const store = new DisposableStore();
  const isOn = (name: "notify" | "autoForward") =>
    vscode.workspace.getConfiguration(SECTION).get<boolean>(name, false);
  const listen = () => listeners.want("news", isOn("notify") || isOn("autoForward"));
  store.add(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SECTION)) listen();
    }),
  );
  store.add(
    listeners.onDidAppear(({ instance: id, listeners: fresh }) => {
      const instance = model.get(id);
      if (!instance) return;
      for (const listener of unforwarded(instance, fresh)) {
        if (isOn("autoForward") && listener.protocol === "tcp") {
          void forward(mirror, instance.name, listener).catch((error: unknown) =>
            log.warn(`port ${listener.port} of ${instance.name}: ${messageOf(error)}`),
          );
        } else if (isOn("notify")) void tell(instance.name, id, listener);
      }
    }),
  );
  listen();
  return store;
}

/** Other windows do the same at the same moment: the port that the guest has is taken by one of them alone. */
async function forward(mirror: EngineMirror, name: string, listener: PortListener): Promise<void> {
  const client = await mirror.client();
  const { port, via } = listener;
  const wanted = { name, guestPort: port, ...(via === "ssh" ? { via } : {}) };
  try {
    await client.watchOperation(await client.api.ports.add({ ...wanted, hostPort: port }));
  } catch (error) {
    if (toEngineError(error).code !== "already-exists") throw error;
    const { ports } = await client.api.instances.get({ name });
    if (ports.some((one) => leadsTo(one, listener))) return;
    await client.watchOperation(await client.api.ports.add(wanted));
  }
}

async function tell(name: string, instance: string, listener: PortListener): Promise<void> {
  const { protocol, port, via, process } = listener;
  const text =
    process === undefined
      ? vscode.l10n.t("Port {0} of {1} is listened on.", port, name)
      : vscode.l10n.t("{0} listens on port {1} of {2}.", process, port, name);
  const open = vscode.l10n.t("Open in Browser");
  const forward = vscode.l10n.t("Forward");
  const chosen = await vscode.window.showInformationMessage(
    text,
    ...(protocol === "tcp" ? [open] : []),
    forward,
  );
  const node: PortNode = { type: "listener", instance, protocol, port, via };
  const command =
    chosen === open ? "berth.openPort" : chosen === forward ? "berth.forwardDetected" : undefined;
  if (command) await vscode.commands.executeCommand(command, node);
}
