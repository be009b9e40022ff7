/** What the view *Ports* shows: the forwards of each instance, then what listens in its guest and is not forwarded. Pure. */

import type { Instance } from "../api/instance.ts";
import type { PortForward, PortListener } from "../api/port.ts";
import { portProblem } from "../api/port-problem.ts";
import type { Heard } from "./guest-listeners.ts";
import { actionsOf, type Icon, type Mark } from "./items.ts";
import { l10n } from "./l10n.ts";
import { capitalised, STATE_WORDS } from "./phrases.ts";
import { plainText } from "./plain-text.ts";

/** A row, by identity; what it shows is computed when it is drawn. */
export type PortNode =
  | { readonly type: "instance"; readonly id: string }
  | ({ readonly type: "forward"; readonly instance: string } & ForwardName)
  | ({ readonly type: "listener"; readonly instance: string } & ListenerName)
  | { readonly type: "port-note"; readonly instance: string };

type ForwardName = Pick<PortForward, "protocol" | "hostPort">;
type ListenerName = Pick<PortListener, "protocol" | "port" | "via">;

export type PortItem = {
  id: string;
  label: string;
  description: string;
  icon: Icon;
  contextValue: string;
  tooltip: string;
  ariaLabel: string;
  mark?: Mark;
};

const HTTPS_PORTS: readonly number[] = [443, 8443];
const EVERYWHERE = "0.0.0.0";

export function isLoopback(address: string): boolean {
  return address.startsWith("127.");
}

/** Instances that have something to show: they run, or have forwards. */
export function hasPorts({ state, ports }: Instance): boolean {
  return state === "running" || (ports.length > 0 && state !== "deleted" && state !== "failed");
}

/** Not yet forwarded. */
export function unforwarded(instance: Instance, listeners: readonly PortListener[] = []): PortListener[] {
  return listeners.filter((one) => !instance.ports.some((forward) => leadsTo(forward, one)));
}

export function leadsTo(forward: PortForward, listener: Pick<PortListener, "protocol" | "port">): boolean {
  return forward.protocol === listener.protocol && forward.guestPort === listener.port;
}

/** Those that were not there before. */
export function newOnes(before: readonly PortListener[], now: readonly PortListener[]): PortListener[] {
  return now.filter(
    (one) => !before.some(({ protocol, port }) => protocol === one.protocol && port === one.port),
  );
}

/** The rows beneath an instance. */
export function portNodes(instance: Instance, heard: Heard): PortNode[] {
  const { id } = instance;
  const forwards = instance.ports.map(({ protocol, hostPort }): PortNode => {
    return { type: "forward", instance: id, protocol, hostPort };
  });
  const listeners = unforwarded(instance, heard.listeners).map(({ protocol, port, via }): PortNode => {
    return { type: "listener", instance: id, protocol, port, via };
  });
  const note: PortNode[] = noteText(instance, heard) ? [{ type: "port-note", instance: id }] : [];
  return [...forwards, ...listeners, ...note];
}

/** The instance that a row belongs to, by id. */
export function ownerOf(node: PortNode): string {
  return node.type === "instance" ? node.id : node.instance;
}

export function keyOf(node: PortNode): string {
  const key = `${node.type}:${ownerOf(node)}`;
  if (node.type === "forward") return `${key}:${node.hostPort}/${node.protocol}`;
  return node.type === "listener" ? `${key}:${node.port}/${node.protocol}/${node.via}` : key;
}

/** Why there is no list of what listens in the guest; undefined where there is one. */
export function noteText(instance: Instance, { listeners, problem }: Heard): string | undefined {
  if (instance.state !== "running") return undefined;
  if (instance.guest !== "linux")
    return l10n.t(
      "Berth has no login in this guest, so what listens in it cannot be seen. A port is forwarded by its number.",
    );
  if (listeners) {
    if (listeners.length > 0 || instance.ports.length > 0) return undefined;
    return l10n.t("Nothing listens that could be forwarded.");
  }
  if (problem !== undefined) return capitalised(plainText(problem));
  return l10n.t("Looking for what listens in this guest…");
}

export function instancePortsItem(instance: Instance, heard: Heard): PortItem {
  const forwarded = instance.ports.length;
  const detected = unforwarded(instance, heard.listeners).length;
  const description = [
    ...(instance.state === "running" ? [] : [STATE_WORDS[instance.state]]),
    countsText(forwarded, detected),
  ]
    .filter((part) => part !== "")
    .join(" · ");
  return {
    id: keyOf({ type: "instance", id: instance.id }),
    label: instance.name,
    description,
    icon: instance.state === "running" ? { id: "vm-running", color: "charts.green" } : { id: "vm-outline" },
    contextValue: ["ports-of", ...actionsOf(instance).filter((action) => action === "addPort")].join("+"),
    tooltip: "",
    ariaLabel: [instance.name, description].filter((part) => part !== "").join(", "),
  };
}

/** `2 forwarded · 1 detected`; empty where there is neither. */
export function countsText(forwarded: number, detected: number): string {
  return [
    ...(forwarded > 0 ? [l10n.t("{0} forwarded", forwarded)] : []),
    ...(detected > 0 ? [l10n.t("{0} detected", detected)] : []),
  ].join(" · ");
}

export function forwardItem(instance: Instance, forward: PortForward, heard: Heard): PortItem {
  const { protocol, hostAddress, hostPort, guestPort } = forward;
  const failure = instance.problems.find(({ code }) => code === portProblem(forward));
  const open = instance.state === "running" && !failure;
  const listener = heard.listeners?.find((one) => leadsTo(forward, one));
  const wide = !isLoopback(hostAddress);
  const state = failure
    ? l10n.t("failed: {0}", plainText(failure.message))
    : open
      ? openText(heard, listener)
      : l10n.t("opens when {0} runs", instance.name);
  const description = [
    ...(listener?.process === undefined ? [] : [listener.process]),
    state,
    ...(forward.via === "ssh" ? [l10n.t("through SSH")] : []),
    ...(wide
      ? [hostAddress === EVERYWHERE ? l10n.t("all addresses") : l10n.t("other computers can connect")]
      : []),
  ].join(" · ");
  const guestText = `${guestPort}${protocol === "udp" ? "/udp" : ""}`;
  const label = `${hostAddress}:${hostPort} → ${guestText}`;
  const flags = [...(open && protocol === "tcp" ? ["openPort"] : []), "copyPort", "visibility", "stopPort"];
  return {
    id: keyOf({ type: "forward", instance: instance.id, protocol, hostPort }),
    label,
    description,
    icon: failure
      ? { id: "warning", color: "list.warningForeground" }
      : open
        ? { id: wide ? "globe" : "plug", color: "charts.green" }
        : { id: "plug" },
    contextValue: ["forward", ...flags].join("+"),
    tooltip: tooltipOf(label, description, failure?.hint),
    ariaLabel: [
      l10n.t("{0} to port {1} of {2}", `${hostAddress}:${hostPort}`, guestText, instance.name),
      description.replaceAll(" · ", ", "),
    ].join(", "),
  };
}

function openText({ listeners }: Heard, listener: PortListener | undefined): string {
  return listeners && !listener ? l10n.t("open, nothing listens in the guest") : l10n.t("open");
}

export function listenerItem(instance: Instance, listener: PortListener): PortItem {
  const { protocol, port, process, address, via } = listener;
  const reach = via === "ssh" ? l10n.t("on the guest's loopback alone, through SSH") : "";
  const description = [process, l10n.t("not forwarded"), reach].filter(Boolean).join(" · ");
  const label = `${port}${protocol === "udp" ? "/udp" : ""}`;
  const flags = ["forward", "forwardTo", ...(protocol === "tcp" ? ["openPort"] : [])];
  return {
    id: keyOf({ type: "listener", instance: instance.id, protocol, port, via }),
    label,
    description,
    icon: { id: "circle-outline", color: "disabledForeground" },
    contextValue: ["listener", ...flags].join("+"),
    tooltip: tooltipOf(
      l10n.t("{0} port {1}", address, label),
      description,
      l10n.t("Forward it to reach it from this host."),
    ),
    ariaLabel: `${l10n.t("port {0} of {1}", label, instance.name)}, ${description.replaceAll(" · ", ", ")}`,
    mark: "unforwarded",
  };
}

function tooltipOf(...lines: (string | undefined)[]): string {
  return lines.filter(Boolean).join("\n");
}

/** Where a browser of this host finds it. */
export function urlOf({ hostAddress, hostPort, guestPort }: PortForward): string {
  const scheme = [hostPort, guestPort].some((port) => HTTPS_PORTS.includes(port)) ? "https" : "http";
  return `${scheme}://${addressOf({ hostAddress, hostPort })}/`;
}

/** As a client of this host writes it. */
export function addressOf({ hostAddress, hostPort }: Pick<PortForward, "hostAddress" | "hostPort">): string {
  return `${hostAddress === EVERYWHERE ? "127.0.0.1" : hostAddress}:${hostPort}`;
}

/** `8080`, `0.0.0.0:8080`; undefined for anything else. */
export function typedHost(text: string): Pick<PortForward, "hostAddress" | "hostPort"> | undefined {
  const match = /^\s*(?:(\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5})\s*$/.exec(text);
  const [, hostAddress = "127.0.0.1", port] = match ?? [];
  const hostPort = Number(port);
  if (!match || hostPort < 1 || hostPort > 65_535) return undefined;
  if (hostAddress.split(".").some((part) => Number(part) > 255)) return undefined;
  return { hostAddress, hostPort };
}
