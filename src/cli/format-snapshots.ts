/** Snapshots as tables and as JSON in Multipass's shapes, with what that has no place for under `berth`. Pure. */
import type { Snapshot } from "../api/snapshot.ts";
import { formatBytes } from "../base/units.ts";
import { type Format, json, table } from "./format.ts";
import { mountSourcesJson, mountsText } from "./mount-formats.ts";

const COMMENT_WIDTH = 50;

export function formatSnapshots(items: readonly Snapshot[], format: Format): string {
  if (format === "json") return json({ errors: [], info: byInstance(items, listed) });
  if (items.length === 0) return "No snapshots found.\n";
  return table(
    ["Instance", "Snapshot", "Parent", "Comment"],
    items.map((one) => [one.instance, one.name, one.parent ?? "--", shortened(one.comment)]),
  );
}

/** Only the first line, and of that only so much. */
function shortened(comment: string): string {
  const [first = ""] = comment.split("\n");
  const cut = first.length > COMMENT_WIDTH || first !== comment;
  return first === "" ? "--" : cut ? `${first.slice(0, COMMENT_WIDTH - 1)}…` : first;
}

function listed({ parent, comment }: Snapshot): unknown {
  return { parent: parent ?? "", comment };
}

export function snapshotJson(one: Snapshot): object {
  return {
    size: formatBytes(one.sizeBytes),
    cpu_count: String(one.cpus),
    disk_space: formatBytes(one.diskBytes),
    memory_size: formatBytes(one.memoryBytes),
    mounts: mountSourcesJson(one.mounts),
    created: one.createdAt,
    parent: one.parent ?? "",
    children: one.children,
    comment: one.comment,
    berth: { id: one.id, current: one.current, sizeBytes: one.sizeBytes },
  };
}

export function snapshotText(one: Snapshot): string {
  const rows: [string, string][] = [
    ["Snapshot", one.name],
    ["Instance", one.instance],
    ["Size", formatBytes(one.sizeBytes)],
    ["CPU(s)", String(one.cpus)],
    ["Disk space", formatBytes(one.diskBytes)],
    ["Memory size", formatBytes(one.memoryBytes)],
    ["Mounts", mountsText(one.mounts, { column: 16, maps: false })],
    ["Created", one.createdAt],
    ["Parent", one.parent ?? "--"],
    ["Children", one.children.join("\n".padEnd(17)) || "--"],
    ["Comment", one.comment.replaceAll("\n", "\n".padEnd(17)) || "--"],
  ];
  return `${rows.map(([key, value]) => `${`${key}:`.padEnd(16)}${value}`).join("\n")}\n`;
}

function byInstance(
  items: readonly Snapshot[],
  shape: (one: Snapshot) => unknown,
): Record<string, Record<string, unknown>> {
  const all: Record<string, Record<string, unknown>> = {};
  for (const one of items) {
    all[one.instance] ??= {};
    Object.assign(all[one.instance] as object, { [one.name]: shape(one) });
  }
  return all;
}
