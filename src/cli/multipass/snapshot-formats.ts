/** Snapshots as Multipass prints them. Pure. */

import type { Snapshot } from "../../api/snapshot.ts";
import { mountSourcesJson, mountsCell, mountsText } from "../mount-formats.ts";
import { CONTINUED, humanSize, type MultipassFormat, rowsText } from "./formats.ts";
import { columns, csv, json, type Value, yaml } from "./render.ts";

const COMMENT_WIDTH = 50;

export function snapshotListFormat(items: readonly Snapshot[], format: MultipassFormat): string {
  const facts = ({ parent, comment }: Snapshot) => ({ parent: parent ?? "", comment });
  if (format === "json") return json({ errors: [], info: grouped(items, facts) });
  if (format === "yaml") {
    const of = (one: Snapshot) => [{ parent: one.parent ?? null, comment: one.comment || null }];
    const all = Object.entries(grouped(items, of)).map(([name, group]) => [
      name,
      Object.entries(group).map(([snapshot, value]) => ({ [snapshot]: value })),
    ]);
    return yaml(Object.fromEntries(all));
  }
  if (format === "csv") {
    const rows = items.map((one) => [one.instance, one.name, one.parent ?? "", quoted(one.comment)]);
    return csv("Instance,Snapshot,Parent,Comment", rows);
  }
  if (items.length === 0) return "No snapshots found.\n";
  const rows = items.map((one) => [one.instance, one.name, one.parent ?? "--", shortened(one.comment)]);
  return columns(["Instance", "Snapshot", "Parent", "Comment"], rows);
}

function shortened(comment: string): string {
  const [first = ""] = comment.split("\n");
  if (comment === "") return "--";
  return first === comment && first.length <= COMMENT_WIDTH ? first : `${first.slice(0, COMMENT_WIDTH - 1)}…`;
}

/** As JSON has it. */
export function snapshotFacts(one: Snapshot) {
  return {
    size: humanSize(one.sizeBytes),
    cpu_count: String(one.cpus),
    disk_space: humanSize(one.diskBytes),
    memory_size: humanSize(one.memoryBytes),
    mounts: mountSourcesJson(one.mounts),
    created: localTime(one.createdAt),
    parent: one.parent ?? "",
    children: one.children,
    comment: one.comment,
  };
}

export function snapshotYaml(one: Snapshot): Value {
  return {
    ...snapshotFacts(one),
    cpu_count: one.cpus,
    mounts: one.mounts.length > 0 ? mountSourcesJson(one.mounts) : null,
    parent: one.parent ?? null,
    comment: one.comment || null,
  };
}

export const SNAPSHOT_HEADER =
  "Snapshot,Instance,CPU(s),Disk space,Memory size,Mounts,Created,Parent,Children,Comment";

export function snapshotRow(one: Snapshot): string[] {
  const { cpu_count, disk_space, memory_size, created } = snapshotFacts(one);
  return [
    ...[one.name, one.instance, cpu_count, disk_space, memory_size, mountsCell(one.mounts), created],
    ...[one.parent ?? "", one.children.join(";"), quoted(one.comment)],
  ];
}

export function snapshotText(one: Snapshot): string {
  return rowsText([
    ["Snapshot", one.name],
    ["Instance", one.instance],
    ["Size", humanSize(one.sizeBytes)],
    ["CPU(s)", String(one.cpus)],
    ["Disk space", humanSize(one.diskBytes)],
    ["Memory size", humanSize(one.memoryBytes)],
    ["Mounts", mountsText(one.mounts, { column: 16, maps: false })],
    ["Created", localTime(one.createdAt)],
    ["Parent", one.parent ?? "--"],
    ["Children", one.children.join(CONTINUED) || "--"],
    ["Comment", one.comment.replaceAll("\n", CONTINUED) || "--"],
  ]);
}

/** As C's `%c %Z` writes it for this host's time zone: `Tue Nov 24 15:14:31 2026 UTC`. */
export function localTime(iso: string, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const parts = new Intl.DateTimeFormat("en-US", {
    ...{ weekday: "short", month: "short", day: "numeric", year: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
    ...zone,
  }).formatToParts(new Date(iso));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? "";
  const time = [part("hour"), part("minute"), part("second")].join(":");
  return `${part("weekday")} ${part("month")} ${part("day").padStart(2)} ${time} ${part("year")} ${zoneName(iso, zone)}`;
}

/** American and European abbreviations are known to different locales; the rest is told by its distance. */
function zoneName(iso: string, zone: { timeZone?: string }): string {
  const names = ["en-US", "en-GB"].map((locale) => {
    const parts = new Intl.DateTimeFormat(locale, { timeZoneName: "short", ...zone }).formatToParts(
      new Date(iso),
    );
    return parts.find((one) => one.type === "timeZoneName")?.value ?? "";
  });
  return names.find((name) => !/[+-]/.test(name)) ?? names[0] ?? "";
}

function quoted(comment: string): string {
  return `"${comment.replaceAll('"', '""')}"`;
}

function grouped<T extends Value>(
  items: readonly Snapshot[],
  shape: (one: Snapshot) => T,
): Record<string, Record<string, T>> {
  const groups: Record<string, Record<string, T>> = {};
  for (const one of items) groups[one.instance] = { ...groups[one.instance], [one.name]: shape(one) };
  return groups;
}
