/** The commands about ports: on rows of the view *Ports*, or on what the user picks. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import type { NewPortForward, PortForward, PortListener } from "../api/port.ts";
import { EngineError } from "../base/errors.ts";
import { type Args, copy } from "./actions.ts";
import {
  addressOf,
  forwardItem,
  isLoopback,
  leadsTo,
  listenerItem,
  ownerOf,
  type PortNode,
  typedHost,
  unforwarded,
  urlOf,
} from "./ports-items.ts";
import { withViewProgress } from "./progress.ts";
import { confirmWide, pickInstance } from "./prompts.ts";
import type { Services } from "./services.ts";
import { runOn, type Verb } from "./work.ts";

const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0";

type Forwarded = { type: "forward"; instance: Instance; forward: PortForward };
type Detected = {
  type: "listener";
  instance: Instance;
  listener: Pick<PortListener, "protocol" | "port" | "via">;
};
type Port = Forwarded | Detected;

/** What is not forwarded yet is forwarded first. */
export async function openPort(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Open which port in the browser?");
  const [port] = await portsFor(services, args, question, (one) => protocolOf(one) === "tcp");
  if (!port) return;
  const forward = port.type === "forward" ? port.forward : await forwarded(services, port);
  if (!forward) return;
  // Where the window is in a browser, another address may lead here: vscode finds that out by itself.
  await vscode.env.openExternal(vscode.Uri.parse(urlOf(forward), true));
}

export async function forwardDetected(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Forward which port?");
  for (const port of await portsFor(services, args, question, isDetected))
    if (port.type === "listener") await forwarded(services, port);
}

export async function forwardDetectedTo(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Forward which port?");
  const [port] = await portsFor(services, args, question, isDetected);
  if (port?.type !== "listener") return;
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Forward Port {0} of {1} To", port.listener.port, port.instance.name),
    prompt: vscode.l10n.t(
      "A port of this host. With 0.0.0.0 before it, as in 0.0.0.0:8080, other computers can connect, too.",
    ),
    value: String(port.listener.port),
    validateInput: (typed) =>
      typedHost(typed) ? undefined : vscode.l10n.t("Write a port such as 8080, or 0.0.0.0:8080."),
  });
  const to = text === undefined ? undefined : typedHost(text);
  if (!to) return;
  if (!isLoopback(to.hostAddress) && !(await confirmWide(port.instance, to.hostPort))) return;
  await forwarded(services, port, to);
}

export async function copyPortAddress(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Copy the address of which port?");
  const [port] = await portsFor(services, args, question, isForwarded);
  if (port?.type !== "forward") return;
  const address = addressOf(port.forward);
  await copy(address, vscode.l10n.t("Address {0} copied.", address));
}

export async function changeVisibility(services: Services, args: Args): Promise<void> {
  const question = vscode.l10n.t("Change who can connect to which port?");
  const [port] = await portsFor(services, args, question, isForwarded);
  if (port?.type !== "forward") return;
  const { instance, forward } = port;
  const { protocol, hostPort } = forward;
  const choices = [
    {
      label: vscode.l10n.t("This Host Only"),
      description: LOOPBACK,
      hostAddress: LOOPBACK,
    },
    {
      label: vscode.l10n.t("All Addresses"),
      description: vscode.l10n.t("{0}: other computers can connect, too", EVERYWHERE),
      hostAddress: EVERYWHERE,
    },
  ].filter(({ hostAddress }) => hostAddress !== forward.hostAddress);
  const title = vscode.l10n.t("Who May Connect to Port {0}", hostPort);
  const placeHolder = vscode.l10n.t("Now: {0}", forward.hostAddress);
  const picked = await vscode.window.showQuickPick(choices, { title, placeHolder });
  if (!picked) return;
  const { hostAddress } = picked;
  if (!isLoopback(hostAddress) && !(await confirmWide(instance, hostPort))) return;
  const request: Verb["request"] = (api, name) => api.ports.update({ name, protocol, hostPort, hostAddress });
  await runOn(services, { title: () => "", request }, [instance]);
}

export async function stopPorts(services: Services, args: Args): Promise<void> {
  for (const port of nodesIn(args).flatMap((node) => portOf(services, node) ?? [])) {
    if (port.type !== "forward") continue;
    const { protocol, hostPort } = port.forward;
    const request: Verb["request"] = (api, name) => api.ports.remove({ name, protocol, hostPort });
    await runOn(services, { title: () => "", request }, [port.instance]);
  }
}

/** To the same port of this host's loopback where it is free, else to one that is. Undefined where it failed, which is told. */
async function forwarded(
  services: Services,
  { instance, listener }: Detected,
  to?: Pick<PortForward, "hostAddress" | "hostPort">,
): Promise<PortForward | undefined> {
  const { protocol, port, via } = listener;
  const wanted: NewPortForward = {
    ...{ protocol, hostAddress: LOOPBACK, guestPort: port },
    ...(via === "ssh" ? { via } : {}),
    ...to,
  };
  const request: Verb["request"] = (api, name) => api.ports.add({ name, ...wanted });
  if (!(await runOn(services, { title: () => "", request }, [instance]))) return undefined;
  const { api } = await services.mirror.client();
  const { ports } = await api.instances.get({ name: instance.name });
  return ports.filter((one) => leadsTo(one, listener)).at(-1);
}

const isForwarded = ({ type }: Port): boolean => type === "forward";
const isDetected = ({ type }: Port): boolean => type === "listener";

function protocolOf(port: Port): "tcp" | "udp" {
  return port.type === "forward" ? port.forward.protocol : port.listener.protocol;
}

/** Those of the rows; else the one that the user picks. */
async function portsFor(
  services: Services,
  args: Args,
  question: string,
  fits: (port: Port) => boolean,
): Promise<Port[]> {
  const nodes = nodesIn(args);
  const [only] = nodes;
  if (only?.type === "instance") return forwardsOf(services, only, question, fits);
  if (nodes.length > 0) return nodes.flatMap((node) => portOf(services, node) ?? []).filter(fits);
  const instance = await pickInstance(services.model, "addPort", { single: "take" });
  const port = instance && (await pickPort(services, instance, question, fits));
  return port ? [port] : [];
}

/** Of a row of an instance: the one that it has, or the one of several that the user picks. */
async function forwardsOf(
  services: Services,
  node: PortNode,
  question: string,
  fits: (port: Port) => boolean,
): Promise<Port[]> {
  const instance = ownerIn(services, node);
  const forwards = instance.ports
    .map((forward): Port => ({ type: "forward", instance, forward }))
    .filter(fits);
  if (forwards.length === 1) return forwards;
  const port = await pickPort(services, instance, question, fits);
  return port ? [port] : [];
}

async function pickPort(
  services: Services,
  instance: Instance,
  question: string,
  fits: (port: Port) => boolean,
): Promise<Port | undefined> {
  const listeners = await listenersOf(services, instance);
  const forwards = instance.ports.map((forward) => ({ type: "forward" as const, instance, forward }));
  const detected = unforwarded(instance, listeners).map((listener) => {
    return { type: "listener" as const, instance, listener };
  });
  const picks = [
    ...forwards.map((port) => ({ ...forwardItem(instance, port.forward, { listeners }), port })),
    ...detected.map((port) => ({ ...listenerItem(instance, port.listener), port })),
  ].filter(({ port }) => fits(port));
  if (picks.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t("{0} has no port for which this can be done now.", instance.name),
    );
    return undefined;
  }
  const items = picks.map(({ label, description, port }) => ({ label, description, port }));
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Ports of {0}", instance.name),
    placeHolder: question,
    matchOnDescription: true,
  });
  return picked?.port;
}

/** None where the guest cannot be asked: what is forwarded can be chosen all the same. */
async function listenersOf(services: Services, { state, guest, name }: Instance): Promise<PortListener[]> {
  if (state !== "running" || guest !== "linux") return [];
  return withViewProgress(async () => {
    const { api } = await services.mirror.client();
    return (await api.ports.listeners({ name })).items;
  });
}

function ownerIn({ model }: Services, node: PortNode): Instance {
  const instance = model.get(ownerOf(node));
  if (!instance) throw new EngineError("not-found", "cannot use the port: its instance is no more");
  return instance;
}

function portOf(services: Services, node: PortNode): Port | undefined {
  const instance = ownerIn(services, node);
  if (node.type === "listener") return { type: "listener", instance, listener: node };
  if (node.type !== "forward") return undefined;
  const forward = instance.ports.find(
    ({ protocol, hostPort }) => protocol === node.protocol && hostPort === node.hostPort,
  );
  return forward && { type: "forward", instance, forward };
}

function nodesIn([first, all]: Args): PortNode[] {
  const isNode = (value: unknown): value is PortNode =>
    typeof value === "object" && value !== null && "type" in value;
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}
