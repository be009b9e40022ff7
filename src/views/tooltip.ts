/** The text of an instance's tooltip, in Markdown. Pure; every value from outside is escaped. */

import type { Instance, InstanceDetails, Problem } from "../api/instance.ts";
import { labelsText } from "../api/labels.ts";
import type { Operation } from "../api/operation.ts";
import { formatDuration } from "../base/units.ts";
import { healthText, runtimeText, sizeFacts } from "./container-items.ts";
import { l10n } from "./l10n.ts";
import {
  capitalised,
  imageText,
  longProgressText,
  operationText,
  STATE_WORDS,
  sizeText,
  timeText,
} from "./phrases.ts";
import { plainText } from "./plain-text.ts";
import { iconOfProblem } from "./problems.ts";

export type TooltipInputs = {
  instance: Instance;
  operation?: Operation | undefined;
  /** What the guest said, where it was asked and answered. */
  details?: InstanceDetails | undefined;
  now: Date;
};

export function tooltipMarkdown(inputs: TooltipInputs): string {
  const { instance, operation, details } = inputs;
  const rows = [...factRows(inputs), ...(details ? guestRows(details) : [])];
  return [
    `**${escapeMarkdown(instance.name)}** — ${stateLine(instance, operation)}`,
    "",
    "| | |",
    "|:--|:--|",
    ...rows.map(([name, value]) => `| ${name}\u2003 | ${value} |`),
    ...(instance.problems.length > 0 ? ["", "---", ""] : []),
    ...instance.problems.flatMap(problemLines),
  ].join("\n");
}

function stateLine(instance: Instance, operation?: Operation): string {
  if (operation?.status === "running") {
    return operation.progress ? longProgressText(operation.progress) : operationText(operation);
  }
  const waiting = instance.state === "running" && instance.guest === "linux" && !instance.ready;
  if (instance.container?.paused) return l10n.t("paused");
  const health = healthText(instance);
  const word = [STATE_WORDS[instance.state], ...(health === undefined ? [] : [health])].join(", ");
  return waiting ? l10n.t("{0}, not ready", word) : word;
}

type Row = [name: string, value: string];

function factRows({ instance, details, now }: TooltipInputs): Row[] {
  const { image } = instance;
  const build = image.version ? ` (${escapeMarkdown(image.version)})` : "";
  const release = details?.release ?? imageText(image);
  return [
    [l10n.t("Image"), `${escapeMarkdown(release)}${build}`],
    [l10n.t("Size"), sizeLine(instance)],
    ...(instance.address === "" ? [] : ([[l10n.t("Address"), `\`${instance.address}\``]] as Row[])),
    ...(instance.ssh
      ? ([["SSH", `\`${instance.ssh.user}@${instance.ssh.host}:${instance.ssh.port}\``]] as Row[])
      : []),
    [l10n.t("Driver"), driverText(instance)],
    ...(instance.startedAt ? ([[l10n.t("Up"), since(instance.startedAt, now)]] as Row[]) : []),
    ...keptRows(instance),
    ...(instance.deletedAt
      ? ([[l10n.t("Deleted"), l10n.t("{0} ago", since(instance.deletedAt, now))]] as Row[])
      : []),
  ];
}

/** What it has beside the usual; what it has not is left out. */
function keptRows({ encrypted, stopAt, zone, labels, autostart, ...rest }: Instance): Row[] {
  const { mounts, ports, snapshotCount } = rest;
  const all: [string, string][] = [
    [l10n.t("Encrypted"), encrypted ? l10n.t("disks and suspended memory") : ""],
    [l10n.t("Stops at"), stopAt === undefined ? "" : timeText(stopAt)],
    [l10n.t("Zone"), zone.available ? zone.name : l10n.t("{0}, disabled", zone.name)],
    [l10n.t("Labels"), labelsText(labels)],
    [l10n.t("Starts"), startsText(autostart)],
    [l10n.t("Mounts"), mounts.map(({ source, target }) => `${target} (${source})`).join(", ")],
    [l10n.t("Ports"), ports.map(({ hostPort, guestPort }) => `${hostPort} → ${guestPort}`).join(", ")],
    [l10n.t("Snapshots"), snapshotCount > 0 ? String(snapshotCount) : ""],
  ];
  return all.filter(([, value]) => value !== "").map(([name, value]) => [name, escapeMarkdown(value)]);
}

function startsText(autostart: Instance["autostart"]): string {
  if (autostart === "off") return "";
  return autostart === "on" ? l10n.t("after a boot of this host") : l10n.t("where it ran before");
}

function guestRows(details: InstanceDetails): Row[] {
  const { load, memory, disk, kernel } = details;
  const of = (use: { usedBytes: number; totalBytes: number }) =>
    l10n.t("{0} of {1}", sizeText(use.usedBytes), sizeText(use.totalBytes));
  return [
    ...(load ? ([[l10n.t("Load"), load.map((value) => value.toFixed(2)).join("  ")]] as Row[]) : []),
    ...(memory ? ([[l10n.t("Memory used"), of(memory)]] as Row[]) : []),
    ...(disk ? ([[l10n.t("Disk used"), of(disk)]] as Row[]) : []),
    ...(kernel ? ([[l10n.t("Kernel"), escapeMarkdown(kernel)]] as Row[]) : []),
  ];
}

function sizeLine(instance: Instance): string {
  const { cpus, memoryBytes, diskBytes, container } = instance;
  if (container) return sizeFacts(instance).slice(1).join(", ") || l10n.t("without limits");
  const words = cpus === 1 ? l10n.t("1 CPU") : l10n.t("{0} CPUs", cpus);
  return l10n.t("{0}, {1} memory, {2} disk", words, sizeText(memoryBytes), sizeText(diskBytes));
}

/** `QEMU with KVM, x86_64`; emulation is called by its name, because it explains slowness. Nothing in it needs escaping. */
export function driverText(instance: Instance): string {
  const { driver, accelerator, arch } = instance;
  const runtime = runtimeText(instance);
  if (runtime !== undefined) return `${runtime}, ${arch}`;
  const names: Record<string, string> = { qemu: "QEMU", oci: "OCI", incus: "Incus" };
  const name = names[driver] ?? driver;
  if (accelerator === undefined) return `${name}, ${arch}`;
  if (accelerator === "tcg") return l10n.t("{0}, emulated, {1}", name, arch);
  return l10n.t("{0} with {1}, {2}", name, accelerator.toUpperCase(), arch);
}

function since(time: string, now: Date): string {
  return formatDuration(Math.max(0, now.getTime() - new Date(time).getTime()));
}

function problemLines(problem: Problem): string[] {
  const hint = problem.hint ? [`  \n${escapeMarkdown(problem.hint)}`] : [];
  return [`$(${iconOfProblem(problem)}) ${escapeMarkdown(capitalised(problem.message))}${hint.join("")}`, ""];
}

/** Shows a text as it is, whatever Markdown, HTML or icon syntax it contains. One line, so that it fits a table. */
export function escapeMarkdown(text: string): string {
  return plainText(text)
    .replace(/\s+/g, " ")
    .replace(/[\\`*_{}[\]()#+!|<>~$&-]/g, (character) => `\\${character}`);
}
