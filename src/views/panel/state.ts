/** What an instance's panel shows, from what the engine knows. Pure: the page only lays it out. */

import type { Instance, InstanceDetails } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { formatBytes } from "../../base/units.ts";
import { containerFacts, containerNetworks, inMenus, sizeFacts } from "../container-items.ts";
import { type Action, actionsOf } from "../items.ts";
import { l10n } from "../l10n.ts";
import {
  capitalised,
  cpusText,
  dateText,
  imageText,
  kindText,
  longProgressText,
  operationText,
  percentOf,
  reachPhrase,
  STATE_WORDS,
  sizeText,
} from "../phrases.ts";
import { pageText } from "../plain-text.ts";
import { isBusy, presentDisks } from "../possible.ts";
import { driverText } from "../tooltip.ts";
import type { EventRow, PanelAction, PanelState, Tone } from "./protocol.ts";
import { type Moments, timeline } from "./timeline.ts";

export type PanelInputs = Moments & {
  operation?: Operation | undefined;
  details?: InstanceDetails | undefined;
  /** Why not all backups are there. */
  backupsNote?: string | undefined;
};

/** In the header, in this order, where the instance allows them. */
const ACTIONS: readonly (PanelAction & { action: Action })[] = [
  { action: "shell", command: "berth.openShell", label: l10n.t("Open Shell"), primary: true },
  { action: "attach", command: "berth.attachShell", label: l10n.t("Attach Shell"), primary: true },
  { action: "display", command: "berth.openDisplay", label: l10n.t("Open Graphical Console"), primary: true },
  { action: "console", command: "berth.openConsole", label: l10n.t("Open Serial Console") },
  { action: "start", command: "berth.start", label: l10n.t("Start"), primary: true },
  { action: "logs", command: "berth.viewLogs", label: l10n.t("View Logs") },
  { action: "unpause", command: "berth.unpause", label: l10n.t("Unpause"), primary: true },
  { action: "stop", command: "berth.stop", label: l10n.t("Stop") },
  { action: "restart", command: "berth.restart", label: l10n.t("Restart") },
  { action: "cancel", command: "berth.cancel", label: l10n.t("Cancel") },
  { action: "recover", command: "berth.recover", label: l10n.t("Recover"), primary: true },
  { action: "purge", command: "berth.purge", label: l10n.t("Remove for Good") },
  { action: "delete", command: "berth.delete", label: l10n.t("Delete") },
];

/** Commands that the page may ask for; each asks the user itself where that is needed. */
export const PANEL_COMMANDS: ReadonlySet<string> = new Set([
  ...ACTIONS.map(({ command }) => command),
  ...["berth.takeSnapshot", "berth.forwardPort", "berth.removePort", "berth.mountFolder", "berth.unmount"],
  ...["berth.addDisk", "berth.removeDisk", "berth.reconnect", "berth.backUp", "berth.planBackups"],
]);

export function panelState(inputs: PanelInputs): PanelState {
  const { instance, operation, lost } = inputs;
  const { name } = instance;
  return {
    ...{ id: instance.id, name, lost, word: wordOf(instance), tone: toneOf(instance, operation) },
    summary: [imageText(instance.image), ...summaryOf(instance)].join(" · "),
    progress: progressOf(operation),
    problems: instance.problems.map(({ severity, message, hint }) => ({
      severity,
      message: capitalised(pageText(message)),
      hint: hint && pageText(hint),
    })),
    actions: lost ? [] : headerActions(instance, operation),
    facts: factsOf(inputs),
    ...{ running: instance.state === "running", isStopped: instance.state === "stopped" },
    isContainer: instance.container !== undefined,
    sizes: sizesOf(instance),
    timeline: timeline(inputs),
    backupsNote: inputs.backupsNote,
    ...can(inputs),
    ports: instance.ports.map((port) => {
      const host = `${port.hostAddress}:${port.hostPort}`;
      const url =
        port.protocol === "tcp" && port.hostAddress.startsWith("127.") ? `http://${host}/` : undefined;
      return { id: `${port.protocol}/${host}`, text: `${host} → ${port.guestPort}/${port.protocol}`, url };
    }),
    mounts: instance.mounts.map(({ target, source, type }) => ({ target, source, type })),
    disks: presentDisks(instance).map((disk) => ({ name: disk.name, size: sizeText(disk.sizeBytes) })),
    networks: networksOf(instance),
    events: inputs.operations
      .filter((one) => concerns(one, name))
      .map(eventRow)
      .reverse(),
  };
}

/** Keeping it as it is now. */
function can({ instance, operation, lost }: PanelInputs): Pick<PanelState, "canSnapshot" | "canBackUp"> {
  const actions = lost ? [] : actionsOf(instance, operation);
  return { canSnapshot: actions.includes("snapshot"), canBackUp: actions.includes("backUp") };
}

function summaryOf(instance: Instance): string[] {
  if (instance.container) return sizeFacts(instance);
  const { cpus, memoryBytes, diskBytes } = instance;
  const memory = l10n.t("{0} memory", sizeText(memoryBytes));
  return [cpusText(cpus), memory, l10n.t("{0} disk", sizeText(diskBytes))];
}

function wordOf(instance: Instance): string {
  if (instance.state === "running" && instance.container?.paused) return capitalised(l10n.t("paused"));
  const waiting = instance.state === "running" && !instance.ready;
  const word = capitalised(STATE_WORDS[instance.state]);
  return waiting ? l10n.t("{0}, not ready", word) : word;
}

export function toneOf(instance: Instance, operation?: Operation): Tone {
  if (instance.state === "failed" || instance.state === "unknown") return "bad";
  if (isBusy(instance, operation)) return "busy";
  return instance.state === "running" ? "on" : "off";
}

function progressOf(operation: Operation | undefined): PanelState["progress"] {
  if (!operation) return undefined;
  const { progress } = operation;
  if (!progress) return { text: capitalised(operationText(operation)) };
  return { text: pageText(longProgressText(progress)), percent: percentOf(progress) };
}

function headerActions(instance: Instance, operation: Operation | undefined): PanelAction[] {
  const possible = new Set<Action>(inMenus(actionsOf(instance, operation)));
  // A shell starts a stopped instance; the button for that is Start.
  const early = new Set<Action>(instance.state === "running" ? [] : ["shell", "attach"]);
  const wanted = ACTIONS.filter(({ action }) => possible.has(action) && !early.has(action));
  return wanted.map(({ action: _, ...shown }) => shown);
}

function factsOf({ instance, details }: PanelInputs): [string, string][] {
  const { image, ssh, startedAt, zone } = instance;
  const facts: [string, string | undefined][] = [
    [
      l10n.t("Image"),
      pageText(details?.release ?? imageText(image)) + (image.version ? ` (${image.version})` : ""),
    ],
    [
      l10n.t("Address"),
      [...new Set([instance.address, ...(details?.addresses ?? [])])].filter(Boolean).join(", ") || undefined,
    ],
    ...containerFacts(instance),
    ["SSH", ssh && `${ssh.user}@${ssh.host}:${ssh.port}`],
    [l10n.t("Driver"), driverText(instance)],
    [
      l10n.t("Encrypted"),
      instance.encrypted
        ? l10n.t("its disks, snapshots and suspended memory; not its image, its cloud-init seed and logs")
        : undefined,
    ],
    [l10n.t("Zone"), zone.available ? zone.name : l10n.t("{0} (disabled)", zone.name)],
    [l10n.t("Kernel"), details?.kernel && pageText(details.kernel)],
    [l10n.t("Running since"), startedAt && instance.state === "running" ? dateText(startedAt) : undefined],
    [
      l10n.t("Disk on this host"),
      details?.diskAllocatedBytes === undefined ? undefined : sizeText(details.diskAllocatedBytes),
    ],
    [l10n.t("Created"), dateText(instance.createdAt)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function sizesOf(instance: Instance): PanelState["sizes"] {
  const { cpus, memoryBytes, diskBytes, autostart, state, container } = instance;
  const words = container
    ? l10n.t("Its limits can be changed while it is stopped.")
    : l10n.t("CPUs, memory and disk can be changed while it is stopped.");
  return {
    // Nothing stands where there is no limit.
    ...{ cpus: cpus > 0 ? String(cpus) : "", memory: memoryBytes > 0 ? formatBytes(memoryBytes) : "" },
    ...(container ? {} : { disk: formatBytes(diskBytes) }),
    ...{ autostart, locked: state === "stopped" ? undefined : words },
  };
}

function networksOf(instance: Instance): PanelState["networks"] {
  const { address, mac, network, networkNow, networks, container } = instance;
  if (container) return containerNetworks(instance);
  const own =
    networkNow === undefined
      ? reachPhrase(network)
      : l10n.t("{0}, until its next start; then: {1}", reachPhrase(networkNow), reachPhrase(network));
  const others = networks.map((nic) => {
    const how =
      nic.mode === "auto" ? l10n.t("asks for an address there") : l10n.t("is set up in the guest by hand");
    return { name: pageText(nic.network), detail: `${how}, ${nic.mac}` };
  });
  return [{ name: address, detail: `${own}, ${mac}` }, ...others];
}

/** An operation's target is the instance, or `instance.snapshot`. */
function concerns({ target }: Operation, name: string): boolean {
  return target === name || target.startsWith(`${name}.`);
}

function eventRow(operation: Operation): EventRow {
  const { id, status, error, target, createdAt } = operation;
  const snapshot = target.includes(".") ? ` ${target.slice(target.indexOf(".") + 1)}` : "";
  const running = status === "running" ? longProgressOf(operation) : undefined;
  const failed = error && [error.message, error.hint].filter(Boolean).join(" ");
  return {
    ...{ id, status, at: dateText(createdAt), what: capitalised(kindText(operation.kind)) + snapshot },
    detail: failed ? pageText(failed) : running,
  };
}

function longProgressOf({ progress }: Operation): string | undefined {
  return progress && pageText(longProgressText(progress));
}
