/** The text of an instance's tooltip, in Markdown. Pure; every value from outside is escaped. */
import type { Instance, InstanceDetails, Problem } from "../api/instance.ts";
import { labelsText } from "../api/labels.ts";
import type { Operation } from "../api/operation.ts";
import { formatDuration } from "../base/units.ts";
import {
  capitalised,
  imageText,
  longProgressText,
  operationText,
  STATE_WORDS,
  sizeText,
  timeText,
} from "./phrases.ts";
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
  const waiting =
    instance.state === "running" && instance.guest === "linux" && !instance.ready ? ", not ready" : "";
  return STATE_WORDS[instance.state] + waiting;
}

type Row = [name: string, value: string];

function factRows({ instance, details, now }: TooltipInputs): Row[] {
  const { image } = instance;
  const build = image.version ? ` (${escapeMarkdown(image.version)})` : "";
  const release = details?.release ?? imageText(image);
  return [
    ["Image", `${escapeMarkdown(release)}${build}`],
    ["Size", sizeLine(instance)],
    ["Address", `\`${instance.address}\``],
    ...(instance.ssh
      ? ([["SSH", `\`${instance.ssh.user}@${instance.ssh.host}:${instance.ssh.port}\``]] as Row[])
      : []),
    ["Driver", driverText(instance)],
    ...(instance.startedAt ? ([["Up", since(instance.startedAt, now)]] as Row[]) : []),
    ...keptRows(instance),
    ...(instance.deletedAt ? ([["Deleted", `${since(instance.deletedAt, now)} ago`]] as Row[]) : []),
  ];
}

/** What it has beside the usual; what it has not is left out. */
function keptRows({ stopAt, zone, labels, autostart, mounts, ports, snapshotCount }: Instance): Row[] {
  const all: [string, string][] = [
    ["Stops at", stopAt === undefined ? "" : timeText(stopAt)],
    ["Zone", zone.available ? zone.name : `${zone.name}, disabled`],
    ["Labels", labelsText(labels)],
    ["Starts", { off: "", on: "after a boot of this host", restore: "where it ran before" }[autostart]],
    ["Mounts", mounts.map(({ source, target }) => `${target} (${source})`).join(", ")],
    ["Ports", ports.map(({ hostPort, guestPort }) => `${hostPort} → ${guestPort}`).join(", ")],
    ["Snapshots", snapshotCount > 0 ? String(snapshotCount) : ""],
  ];
  return all.filter(([, value]) => value !== "").map(([name, value]) => [name, escapeMarkdown(value)]);
}

function guestRows(details: InstanceDetails): Row[] {
  const { load, memory, disk, kernel } = details;
  const of = (use: { usedBytes: number; totalBytes: number }) =>
    `${sizeText(use.usedBytes)} of ${sizeText(use.totalBytes)}`;
  return [
    ...(load ? ([["Load", load.map((value) => value.toFixed(2)).join("  ")]] as Row[]) : []),
    ...(memory ? ([["Memory used", of(memory)]] as Row[]) : []),
    ...(disk ? ([["Disk used", of(disk)]] as Row[]) : []),
    ...(kernel ? ([["Kernel", escapeMarkdown(kernel)]] as Row[]) : []),
  ];
}

function sizeLine({ cpus, memoryBytes, diskBytes }: Instance): string {
  const words = cpus === 1 ? "1 CPU" : `${cpus} CPUs`;
  return `${words}, ${sizeText(memoryBytes)} memory, ${sizeText(diskBytes)} disk`;
}

/** `QEMU with KVM, x86_64`; emulation is called by its name, because it explains slowness. Nothing in it needs escaping. */
export function driverText({ driver, accelerator, arch }: Instance): string {
  const names: Record<string, string> = { qemu: "QEMU", oci: "OCI", incus: "Incus" };
  const how =
    accelerator === undefined
      ? ""
      : accelerator === "tcg"
        ? ", emulated"
        : ` with ${accelerator.toUpperCase()}`;
  return `${names[driver] ?? driver}${how}, ${arch}`;
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
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]()#+!|<>~$&-]/g, (character) => `\\${character}`);
}
