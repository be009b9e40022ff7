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
    return yaml({ errors: [null], ...Object.fromEntries(all) });
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

export function snapshotInfoFormat(items: readonly Snapshot[], format: MultipassFormat): string {
  const facts = (one: Snapshot) => ({
    size: humanSize(one.sizeBytes),
    cpu_count: String(one.cpus),
    disk_space: humanSize(one.diskBytes),
    memory_size: humanSize(one.memoryBytes),
    mounts: mountSourcesJson(one.mounts),
    created: one.createdAt,
    parent: one.parent ?? "",
    children: one.children,
    comment: one.comment,
  });
  if (format === "json") {
    const info = Object.entries(grouped(items, facts)).map(([name, snapshots]) => [name, { snapshots }]);
    return json({ errors: [], info: Object.fromEntries(info) });
  }
  if (format === "yaml") {
    const of = (one: Snapshot) => [
      {
        ...facts(one),
        mounts: one.mounts.length > 0 ? mountSourcesJson(one.mounts) : null,
        parent: one.parent ?? null,
        comment: one.comment || null,
      },
    ];
    const info = Object.entries(grouped(items, of)).map(([name, group]) => [
      name,
      [{ snapshots: Object.entries(group).map(([snapshot, value]) => ({ [snapshot]: value })) }],
    ]);
    return yaml({ errors: [null], ...Object.fromEntries(info) });
  }
  if (format === "csv") {
    const rows = items.map((one) => {
      const { cpu_count, disk_space, memory_size, created } = facts(one);
      const own = [
        one.name,
        one.instance,
        cpu_count,
        disk_space,
        memory_size,
        mountsCell(one.mounts),
        created,
      ];
      return [...own, one.parent ?? "", one.children.join(";"), quoted(one.comment)];
    });
    return csv(
      "Snapshot,Instance,CPU(s),Disk space,Memory size,Mounts,Created,Parent,Children,Comment",
      rows,
    );
  }
  return items.length === 0 ? "No snapshots found.\n" : items.map((one) => snapshotText(one)).join("\n");
}

function snapshotText(one: Snapshot): string {
  return rowsText([
    ["Snapshot", one.name],
    ["Instance", one.instance],
    ["Size", humanSize(one.sizeBytes)],
    ["CPU(s)", String(one.cpus)],
    ["Disk space", humanSize(one.diskBytes)],
    ["Memory size", humanSize(one.memoryBytes)],
    ["Mounts", mountsText(one.mounts, { column: 16, maps: false })],
    ["Created", one.createdAt],
    ["Parent", one.parent ?? "--"],
    ["Children", one.children.join(CONTINUED) || "--"],
    ["Comment", one.comment.replaceAll("\n", CONTINUED) || "--"],
  ]);
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
