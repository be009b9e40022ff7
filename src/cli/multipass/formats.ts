/**
 * What Multipass (main of 2026) prints for lists and facts of instances, in its four formats. Types of values
 * are Multipass's too: counts and disk sizes are strings in JSON, memory sizes numbers. Pure.
 */

import type { Instance, InstanceDetails } from "../../api/instance.ts";
import { withoutControls } from "../../base/plain-text.ts";
import { mountsCell, mountsJson, mountsText } from "../mount-formats.ts";
import { columns, csv, json, type Value, yaml } from "./render.ts";
import { multipassState } from "./states.ts";

export type MultipassFormat = "table" | "json" | "csv" | "yaml";

export type InfoItem = { instance: Instance; details: InstanceDetails };

const LIST_WIDTHS = [24, 18, 17];

const clean = (text: string) => withoutControls(text).replace(/[\t\n]/g, " ");

/** `Ubuntu 24.04 LTS`; `Not Available` where nothing is known. */
export function releaseOf({ image }: Pick<Instance, "image">): string {
  const text = [image.os, image.release].filter(Boolean).join(" ") || image.reference;
  return clean(text) || "Not Available";
}

function addressesOf({ state, address }: Instance, details?: InstanceDetails): string[] {
  if (state !== "running") return [];
  return [...new Set([address, ...(details?.addresses ?? [])])];
}

/** `zone2`; `zone2(n/a)` where it is disabled. */
function zoneCell({ zone }: Instance): string {
  return `${zone.name}${zone.available ? "" : "(n/a)"}`;
}

export function listFormat(items: readonly Instance[], format: MultipassFormat): string {
  const shape = (one: Instance) => ({
    state: multipassState(one),
    ipv4: addressesOf(one),
    release: releaseOf(one),
    zone: { name: one.zone.name, available: one.zone.available },
  });
  if (format === "json") return json({ list: items.map((one) => ({ name: one.name, ...shape(one) })) });
  if (format === "yaml") return yaml(Object.fromEntries(items.map((one) => [one.name, [shape(one)]])));
  if (format === "csv") {
    const rows = items.map((one) => {
      const { state, ipv4, release, zone } = shape(one);
      const all = `"${ipv4.join(",")}"`;
      return [one.name, state, ipv4[0] ?? "", release, all, zone.name, String(zone.available)];
    });
    return csv("Name,State,IPv4,Release,AllIPv4,Zone,Zone available", rows);
  }
  if (items.length === 0) return "No instances found.\n";
  const rows = items.flatMap((one) => {
    const [first = "--", ...more] = addressesOf(one);
    return [
      [one.name, multipassState(one), first, releaseOf(one), zoneCell(one)],
      ...more.map((address) => ["", "", address, "", ""]),
    ];
  });
  return columns(["Name", "State", "IPv4", "Image", "Zone"], rows, LIST_WIDTHS);
}

export function infoFormat(items: readonly InfoItem[], format: MultipassFormat): string {
  if (format === "json") {
    return json({
      errors: [],
      info: Object.fromEntries(items.map((one) => [one.instance.name, infoJson(one)])),
    });
  }
  if (format === "yaml") {
    const all = items.map((one) => [one.instance.name, [infoYaml(one)]] as const);
    return yaml({ errors: [null], ...Object.fromEntries(all) });
  }
  if (format === "csv") return csv(INFO_HEADER, items.map(infoRow));
  return items.length === 0 ? "No instances found.\n" : items.map(infoText).join("\n");
}

function infoJson({ instance, details }: InfoItem): Value {
  const { disk, memory } = details;
  return {
    zone: { name: instance.zone.name, available: instance.zone.available },
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

function infoYaml({ instance, details }: InfoItem): Value {
  const { disk, memory } = details;
  return {
    state: multipassState(instance),
    zone: { name: instance.zone.name, available: instance.zone.available },
    image_hash: instance.image.sha256 ?? null,
    image_release: clean(instance.image.release) || null,
    release: clean(details.release ?? "") || null,
    cpu_count: details.cpus ?? null,
    snapshot_count: instance.snapshotCount,
    load: details.load ?? null,
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
  const { zone } = instance;
  const ipv4 = addressesOf(instance, details);
  const number = (value: number | undefined) => (value === undefined ? "" : String(value));
  return [
    ...[instance.name, multipassState(instance), zone.name, String(zone.available), ipv4[0] ?? ""],
    ...[clean(details.release ?? ""), instance.image.sha256 ?? "", clean(instance.image.release)],
    load?.join(" ") ?? "",
    ...[
      number(disk?.usedBytes),
      number(disk?.totalBytes),
      number(memory?.usedBytes),
      number(memory?.totalBytes),
    ],
    ...[
      mountsCell(instance.mounts),
      `"${ipv4.join(",")}"`,
      number(details.cpus),
      String(instance.snapshotCount),
    ],
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
    ["Zone", zoneCell(instance)],
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

/** Under the value of the row above. */
export const CONTINUED = `\n${" ".repeat(16)}`;

/** `Key:` in a column of sixteen. */
export function rowsText(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([key, value]) => `${`${key}:`.padEnd(16)}${value}\n`).join("");
}

/** `1.2GiB`: one decimal, in the largest unit that leaves at least one; whole bytes below a KiB. */
export function humanSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const at = Math.max(
    0,
    units.findLastIndex((_, index) => bytes >= 1024 ** index),
  );
  return at === 0 ? `${bytes}B` : `${(bytes / 1024 ** at).toFixed(1)}${units[at]}`;
}
