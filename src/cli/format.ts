/** How things are printed. Pure. */

import type { StoredContainerImage } from "../api/container-image.ts";
import type { EngineInfo } from "../api/engine-info.ts";
import type { CachedImage, ImageEntry } from "../api/image.ts";
import type { Instance, InstanceDetails, InstanceState, Problem } from "../api/instance.ts";
import { type NetworkMode, privateNetworkOf } from "../api/network-mode.ts";
import type { Operation } from "../api/operation.ts";
import { withoutControls } from "../base/plain-text.ts";
import { formatBytes } from "../base/units.ts";
import { containerMark, containerRows } from "./container-formats.ts";
import { disksText } from "./disk-formats.ts";
import { ENCRYPTED, foreignArch, machineText, readyText } from "./machine-formats.ts";
import { mountsJson, mountsText } from "./mount-formats.ts";

export type Format = "table" | "json";

/** Multipass's words for states. */
const STATES: Record<InstanceState, string> = {
  creating: "Starting",
  stopped: "Stopped",
  starting: "Starting",
  running: "Running",
  restarting: "Restarting",
  stopping: "Stopping",
  suspending: "Suspending",
  suspended: "Suspended",
  deleted: "Deleted",
  failed: "Failed",
  unknown: "Unknown",
};

/** Multipass has a state for what rests in a disabled zone. */
export function isCutOff({ state, zone }: Pick<Instance, "state" | "zone">): boolean {
  return !zone.available && (state === "stopped" || state === "suspended");
}

export function stateWord(instance: Pick<Instance, "state" | "zone" | "container">): string {
  if (instance.state === "running" && instance.container?.paused) return "Paused";
  return isCutOff(instance) ? "Unavailable" : STATES[instance.state];
}

/** As Multipass prints JSON: four spaces and a final newline. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 4)}\n`;
}

/** Columns two spaces apart, as wide as their widest cell; no space at a line's end. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(plain));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 2))
      .join("")
      .trimEnd();
  return `${lines.map(print).join("\n")}\n`;
}

/** What a guest or a catalog says must neither move the cursor nor break a row. */
function plain(text: string): string {
  return withoutControls(text).replace(/[\t\n]/g, " ");
}

export function imageName({ image }: Pick<Instance, "image">): string {
  const name = [image.os, image.release].filter((part) => part !== "").join(" ");
  return name || image.reference || "Not Available";
}

/** Facts beneath each other: `Name:           web`. A row without a key goes on with the one above. */
export function rows(facts: readonly (readonly [string, string])[]): string {
  return facts.map(([key, value]) => `${fact(key, value)}\n`).join("");
}

function fact(key: string, value: string): string {
  return `${(key === "" ? "" : `${key}:`).padEnd(16)}${plain(value)}`;
}

/** An address is shown where it can be used. */
function addressesOf({ state, address }: Instance): string[] {
  return state === "running" && address !== "" ? [address] : [];
}

/** What Multipass's JSON has no place for, under one key of our own. */
function ownFacts({ id, kind, driver, arch, ready, problems, ...rest }: Instance): Record<string, unknown> {
  const { zone, network, networks, labels, guest, firmware, tpm, display, medium, screen, ...others } = rest;
  const { encrypted, networkNow, ...more } = others;
  const { cpus, memoryBytes, diskBytes, disks, accelerator, operation, container, ports } = more;
  const machine = { guest, firmware, tpm, display, encrypted, medium, screen };
  const sizes = { cpus, memoryBytes, diskBytes, disks };
  const where = { zone, network, networkNow, networks, labels };
  const own = container ? { container, ports } : {};
  return {
    id,
    kind,
    driver,
    arch,
    ready,
    ...own,
    ...where,
    ...machine,
    ...sizes,
    accelerator,
    operation,
    problems,
  };
}

/** Of one that has another mode than most. */
function reachText({ network, networkNow }: Instance): string | undefined {
  const words = reachWords(network);
  if (networkNow === undefined) return network === "default" ? undefined : words;
  return `${words}; ${reachWords(networkNow)} until its next start`;
}

function reachWords(mode: NetworkMode): string {
  const name = privateNetworkOf(mode);
  if (name !== undefined) return `the instances in ${name}`;
  if (mode === "isolated") return "nothing (isolated)";
  return mode === "nat" ? "what this host reaches (nat)" : "what this host reaches, and other instances";
}

export function formatList(instances: readonly Instance[], format: Format): string {
  if (format === "json") {
    return json({
      list: instances.map((instance) => ({
        name: instance.name,
        state: stateWord(instance),
        ipv4: addressesOf(instance),
        release: imageName(instance),
        berth: ownFacts(instance),
      })),
    });
  }
  if (instances.length === 0) return "No instances found.\n";
  return table(
    ["Name", "State", "IPv4", "Image"],
    instances.map((one) => [
      one.name,
      stateWord(one),
      addressesOf(one)[0] ?? "--",
      `${imageName(one)}${foreignArch(one)}${containerMark(one)}${one.encrypted ? " (encrypted)" : ""}`,
    ]),
  );
}

export type InfoItem = { instance: Instance; details: InstanceDetails };

export function infoJson({ instance, details }: InfoItem): object {
  const { memory, disk, load, cpus, cloudInit, kernel, bootId, uptimeSeconds, diskAllocatedBytes } = details;
  return {
    state: stateWord(instance),
    image_hash: instance.image.sha256 ?? "",
    image_release: instance.image.release,
    release: details.release ?? "",
    cpu_count: cpus === undefined ? "" : String(cpus),
    load: load ?? [],
    disks: { sda1: disk ? { used: String(disk.usedBytes), total: String(disk.totalBytes) } : {} },
    memory: memory ? { used: memory.usedBytes, total: memory.totalBytes } : {},
    ipv4: addressesOf(instance),
    mounts: mountsJson(instance.mounts),
    berth: { ...ownFacts(instance), cloudInit, kernel, bootId, uptimeSeconds, diskAllocatedBytes },
  };
}

export function infoText({ instance, details }: InfoItem): string {
  const { memory, disk, load } = details;
  const facts: [string, string][] = [
    ["Name", instance.name],
    ["State", `${stateWord(instance)}${readyText(instance)}`],
    ...(instance.project === undefined ? [] : [["Project", instance.project] as [string, string]]),
    ["Zone", `${instance.zone.name}${instance.zone.available ? "" : " (disabled)"}`],
    ["IPv4", addressesOf(instance)[0] ?? "--"],
    ["Release", details.release ?? "--"],
    [
      "Image",
      `${imageName(instance)}${instance.image.sha256 ? ` (${instance.image.sha256.slice(0, 12)})` : ""}`,
    ],
    ["CPUs", String((details.cpus ?? instance.cpus) || "all")],
    ["Load", load ? load.map((one) => one.toFixed(2)).join(" ") : "--"],
    ["Disk usage", disk ? `${formatBytes(disk.usedBytes)} out of ${formatBytes(disk.totalBytes)}` : "--"],
    [
      "Memory usage",
      memory ? `${formatBytes(memory.usedBytes)} out of ${formatBytes(memory.totalBytes)}` : "--",
    ],
  ];
  const machine = machineText(instance);
  facts.push(...containerRows(instance));
  if (machine !== undefined) facts.push(["Machine", machine]);
  if (instance.encrypted) facts.push(["Encrypted", ENCRYPTED]);
  const reach = reachText(instance);
  if (reach !== undefined) facts.push(["Reaches", reach]);
  for (const { network, mode, mac } of instance.networks)
    facts.push(["Network", `${network} as ${mac}${mode === "manual" ? " (manual)" : ""}`]);
  if (instance.accelerator) facts.push(["Accelerator", instance.accelerator]);
  if (details.diskAllocatedBytes !== undefined)
    facts.push(["On this host", formatBytes(details.diskAllocatedBytes)]);
  const text = facts.map(([key, value]) => fact(key, value));
  if (instance.disks.length > 0) text.push(`Extra disks:    ${disksText(instance.disks)}`);
  if (instance.mounts.length > 0)
    text.push(`Mounts:         ${mountsText(instance.mounts, { column: 16, maps: false })}`);
  text.push(...problemLines(instance.problems));
  return `${text.join("\n")}\n`;
}

function problemLines(problems: readonly Problem[]): string[] {
  return problems.flatMap(({ severity, message, hint }) => [
    `${`${severity}:`.padEnd(16)}${plain(message)}`,
    ...(hint ? [`${"".padEnd(16)}${plain(hint)}`] : []),
  ]);
}

/** The engine as `berth engine` shows it. */
export function formatEngine(info: EngineInfo): string {
  const { host, drivers } = info;
  const size = `${host.cpus} CPUs, ${formatBytes(host.memoryBytes)} memory`;
  const facts: [string, string][] = [
    ["Version", `${info.version} (protocol ${info.protocol})`],
    ["Process", String(info.pid)],
    ["Data", info.dataDirectory],
    ["Log", info.logFile],
    ["Host", `${host.arch}, ${size}, ${formatBytes(host.freeDiskBytes)} free`],
    ...drivers.map((one): [string, string] => {
      const found = [one.name, one.version, one.accelerator].filter(Boolean).join(" ");
      return ["Driver", one.available ? found : `${one.name}: not available`];
    }),
  ];
  const lines = facts.map(([key, value]) => fact(key, value));
  const problems = [...info.problems, ...drivers.flatMap((one) => one.problems)];
  return `${[...lines, ...problemLines(problems)].join("\n")}\n`;
}

/** `engine` is absent where none runs. */
export function formatVersion(berth: string, engine: string | undefined, format: Format): string {
  if (format === "json") return json({ berth, engine });
  return `berth   ${berth}\n${engine === undefined ? "" : `engine  ${engine}\n`}`;
}

/** Its aliases without the reference itself, `default` and one-letter ones, as Multipass lists them. */
function otherNames({ reference, aliases }: ImageEntry): string[] {
  return aliases.filter((alias) => alias !== reference && alias !== "default" && alias.length > 1);
}

export function formatFind(items: readonly ImageEntry[], format: Format): string {
  if (format === "json") {
    const images = items.map((item) => [
      item.reference,
      {
        os: item.os,
        release: item.release,
        version: item.version,
        aliases: otherNames(item),
        remote: item.remote,
        berth: { arch: item.arch, cached: item.cached, sizeBytes: item.sizeBytes, supported: item.supported },
      },
    ]);
    return json({ errors: [], images: Object.fromEntries(images) });
  }
  if (items.length === 0) return "No matches found.\n";
  return table(
    ["Image", "Aliases", "Version", "Description"],
    items.map((item) => [
      item.reference,
      otherNames(item).join(","),
      item.version,
      `${item.os} ${item.release}${item.cached ? " (cached)" : ""}`,
    ]),
  );
}

export function formatCached(items: readonly CachedImage[], format: Format): string {
  if (format === "json") return json({ images: items });
  if (items.length === 0) return "No images on this host.\n";
  return table(
    ["Image", "Id", "Size", "Used by", "Description"],
    items.map((item) => [
      item.reference,
      item.id.slice(0, 12),
      formatBytes(item.sizeBytes),
      item.usedBy.join(",") || "--",
      `${item.os} ${item.release}${item.verified ? "" : " (unverified)"}`,
    ]),
  );
}

export function formatContainerImages(items: readonly StoredContainerImage[], format: Format): string {
  if (format === "json") return json({ images: items });
  if (items.length === 0) return "No images of containers on this host.\n";
  return table(
    ["Image", "Id", "Size", "Runtime", "Used by"],
    items.map(({ references, id, sizeBytes, runtime, usedBy, inUse }) => [
      references.join(", ") || "--",
      id.replace(/^sha256:/, "").slice(0, 12),
      formatBytes(sizeBytes),
      runtime,
      usedBy.join(",") || (inUse ? "other containers" : "--"),
    ]),
  );
}

export function formatOperations(items: readonly Operation[], format: Format): string {
  if (format === "json") return json({ operations: items });
  if (items.length === 0) return "No operations.\n";
  return table(
    ["Id", "Kind", "Target", "Status", "Error"],
    items.map((item) => [item.id, item.kind, item.target, item.status, item.error?.message ?? ""]),
  );
}
