/** What Multipass prints for `info`: facts of instances and of snapshots, together where both are asked. Pure. */
import type { InfoReport } from "../info.ts";
import { mountsCell, mountsJson, mountsText } from "../mount-formats.ts";
import {
  addressesOf,
  CONTINUED,
  clean,
  humanSize,
  type InfoItem,
  type MultipassFormat,
  releaseOf,
  rowsText,
  zoneOf,
  zoneText,
} from "./formats.ts";
import { csv, json, type Value, yaml } from "./render.ts";
import {
  SNAPSHOT_HEADER,
  snapshotFacts,
  snapshotRow,
  snapshotText,
  snapshotYaml,
} from "./snapshot-formats.ts";
import { multipassState } from "./states.ts";

export function infoFormat(report: InfoReport, format: MultipassFormat): string {
  const { items, snapshots, onlySnapshots } = report;
  if (format === "json") return json({ errors: [], info: merged(report) });
  if (format === "yaml") return yaml({ errors: [null], ...mergedYaml(report) });
  if (format === "csv") {
    if (items.length > 0) return csv(INFO_HEADER, items.map(infoRow));
    return snapshots.length > 0 ? csv(SNAPSHOT_HEADER, snapshots.map(snapshotRow)) : "";
  }
  const parts = [...items.map(infoText), ...snapshots.map(snapshotText)];
  return parts.join("\n") || `No ${onlySnapshots ? "snapshots" : "instances"} found.\n`;
}

type Members = { [key: string]: Value | undefined };

function merged({ items, snapshots }: InfoReport): Members {
  const all: Record<string, Members> = {};
  for (const item of items) all[item.instance.name] = infoJson(item);
  for (const one of snapshots) {
    const known = all[one.instance];
    const before = (known?.["snapshots"] ?? {}) as Members;
    all[one.instance] = { ...known, snapshots: { ...before, [one.name]: snapshotFacts(one) } };
  }
  return all;
}

function mergedYaml({ items, snapshots }: InfoReport): Members {
  const all: Record<string, Members> = {};
  for (const item of items) all[item.instance.name] = infoYaml(item);
  for (const one of snapshots) {
    const known = all[one.instance];
    const before = (known?.["snapshots"] ?? []) as readonly Value[];
    all[one.instance] = { ...known, snapshots: [...before, { [one.name]: snapshotYaml(one) }] };
  }
  return Object.fromEntries(Object.entries(all).map(([name, members]) => [name, [members]]));
}

function infoJson({ instance, details }: InfoItem): Members {
  const { disk, memory } = details;
  return {
    zone: zoneOf(instance),
    state: multipassState(instance),
    image_hash: instance.image.sha256 ?? "",
    image_release: clean(instance.image.release),
    release: clean(details.release ?? ""),
    cpu_count: details.cpus === undefined ? "" : String(details.cpus),
    snapshot_count: String(instance.snapshotCount),
    load: details.load ?? [],
    disks: { sda1: disk ? { used: String(disk.usedBytes), total: String(disk.totalBytes) } : {} },
    memory: memory ? { used: memory.usedBytes, total: memory.totalBytes } : {},
    ipv4: addressesOf(instance, details),
    mounts: mountsJson(instance.mounts),
  };
}

/** Here numbers are texts without quotes, as the guest said them; what is not known is `~`, but a load is left out. */
function infoYaml({ instance, details }: InfoItem): Members {
  const { disk, memory } = details;
  return {
    state: multipassState(instance),
    zone: zoneOf(instance),
    snapshot_count: instance.snapshotCount,
    image_hash: instance.image.sha256 ?? "",
    image_release: clean(instance.image.release),
    release: clean(details.release ?? "") || null,
    cpu_count: details.cpus ?? null,
    load: details.load?.map((one) => one.toFixed(2)),
    disks: [{ sda1: { used: disk?.usedBytes ?? null, total: disk?.totalBytes ?? null } }],
    memory: { usage: memory?.usedBytes ?? null, total: memory?.totalBytes ?? null },
    ipv4: addressesOf(instance, details),
    mounts: instance.mounts.length > 0 ? mountsJson(instance.mounts) : null,
  };
}

const INFO_HEADER =
  "Name,State,Zone,Zone available,Ipv4,Release,Image hash,Image release,Load,Disk usage,Disk total,Memory usage,Memory total,Mounts,AllIPv4,CPU(s),Snapshots";

function infoRow({ instance, details }: InfoItem): string[] {
  const { disk, memory, load } = details;
  const { name, available } = zoneOf(instance);
  const ipv4 = addressesOf(instance, details);
  const number = (value: number | undefined) => (value === undefined ? "" : String(value));
  return [
    ...[instance.name, multipassState(instance), name, String(available), ipv4[0] ?? ""],
    ...[clean(details.release ?? ""), instance.image.sha256 ?? "", clean(instance.image.release)],
    load?.map((one) => one.toFixed(2)).join(" ") ?? "",
    ...[number(disk?.usedBytes), number(disk?.totalBytes)],
    ...[number(memory?.usedBytes), number(memory?.totalBytes)],
    ...[mountsCell(instance.mounts), ipv4.join(";"), number(details.cpus), String(instance.snapshotCount)],
  ];
}

function infoText({ instance, details }: InfoItem): string {
  const { disk, memory, load } = details;
  const { sha256, release } = instance.image;
  const usage = (part: typeof disk) =>
    part ? `${humanSize(part.usedBytes)} out of ${humanSize(part.totalBytes)}` : "--";
  const image = `${sha256 ? sha256.slice(0, 12) : "Not Available"}${release ? ` (${releaseOf(instance)})` : ""}`;
  return rowsText([
    ["Name", instance.name],
    ["State", multipassState(instance)],
    ["Zone", zoneText(instance)],
    ["Snapshots", String(instance.snapshotCount)],
    ["IPv4", addressesOf(instance, details).join(CONTINUED) || "--"],
    ["Release", clean(details.release ?? "") || "--"],
    ["Image hash", image],
    ["CPU(s)", details.cpus === undefined ? "--" : String(details.cpus)],
    ["Load", load?.map((one) => one.toFixed(2)).join(" ") ?? "--"],
    ["Disk usage", usage(disk)],
    ["Memory usage", usage(memory)],
    ["Mounts", mountsText(instance.mounts, { column: 16, maps: true })],
  ]);
}
