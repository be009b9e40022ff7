/** What the index and the directories together say of the instances at an engine's start. Pure; drops nothing. */
import type { Problem } from "../../api/instance.ts";
import type { FoundInstance } from "../store/instance-files.ts";
import type { Descriptor, InstanceRecord } from "../store/record.ts";
import { type Entry, newEntry } from "./entry.ts";

/** Code of the problem of an instance that only the index knows. */
export const DIRECTORY_MISSING = "directory-missing";

/** `fallback` fills in what nobody knows any more of an instance. */
export type Fallback = Pick<Descriptor, "arch" | "driver" | "kind"> & { now: string };

/**
 * The directory's descriptor counts, because it is written before the index; what the instance last did comes from
 * the index. Where only one of the two can be read, that one is shown, with a problem.
 */
export function entriesFrom(
  found: readonly FoundInstance[],
  rows: readonly InstanceRecord[],
  fallback: Fallback,
): Entry[] {
  const rowOf = new Map(rows.map((row) => [row.descriptor.id, row]));
  const seen = new Set(found.map(({ id }) => id));
  const entries = [
    ...found.map((one) => fromDirectory(one, rowOf.get(one.id), fallback)),
    ...rows.filter(({ descriptor }) => !seen.has(descriptor.id)).map(withoutDirectory),
  ];
  return withNamesOfTheirOwn(entries);
}

function fromDirectory(found: FoundInstance, row: InstanceRecord | undefined, fallback: Fallback): Entry {
  if (!found.descriptor) return unreadable(found.id, found.damage, row, fallback);
  const newer =
    row && row.descriptor.revision > found.descriptor.revision ? row.descriptor : found.descriptor;
  const entry = newEntry({
    descriptor: newer,
    state: newer.deletedAt ? "deleted" : (row?.state ?? "stopped"),
    problems: row?.problems ?? [],
    startedAt: row?.startedAt,
    updatedAt: row?.updatedAt ?? fallback.now,
  });
  if (entry.record.state === "deleted" && !newer.deletedAt) entry.record.state = "stopped";
  if (found.damage !== undefined) {
    entry.damage = {
      code: "descriptor-damaged",
      severity: "warning",
      message: `its descriptor was damaged (${found.damage}); the one before it is used`,
      hint: "It is written anew with the next change to the instance.",
    };
  }
  return entry;
}

function unreadable(id: string, damage: string, row: InstanceRecord | undefined, fallback: Fallback): Entry {
  const descriptor: Descriptor = row?.descriptor ?? {
    id,
    name: `broken-${id.slice(0, 8)}`,
    revision: 0,
    kind: fallback.kind,
    driver: fallback.driver,
    arch: fallback.arch,
    cpus: 1,
    memoryBytes: 1,
    diskBytes: 1,
    image: { reference: "", os: "", release: "", version: "" },
    address: "0.0.0.0",
    mac: "00:00:00:00:00:00",
    zone: "zone1",
    networks: [],
    booted: true,
    ports: [],
    mounts: [],
    disks: [],
    guest: "linux",
    firmware: "bios",
    tpm: false,
    encrypted: false,
    display: false,
    autostart: "off",
    network: "default",
    labels: {},
    snapshots: [],
    snapshotsTaken: 0,
    createdAt: fallback.now,
  };
  return broken(descriptor, fallback.now, {
    code: "descriptor-unreadable",
    severity: "error",
    message: `its descriptor cannot be read: ${damage}`,
    hint: "Its files are untouched. Put back instance.json from a backup, or purge the instance.",
  });
}

function withoutDirectory(row: InstanceRecord): Entry {
  return broken(row.descriptor, row.updatedAt, {
    code: DIRECTORY_MISSING,
    severity: "error",
    message: "its directory is not there, nor its disk",
    hint: "Mount the disk that it lies on, then: berth storage show. Or put it back from a backup, or purge the instance.",
  });
}

function broken(descriptor: Descriptor, updatedAt: string, damage: Problem): Entry {
  const entry = newEntry({ descriptor, state: "failed", problems: [], updatedAt });
  entry.broken = true;
  entry.damage = damage;
  return entry;
}

/** Two directories may claim one name (a copy by hand): the older keeps it, the other is shown as broken. */
function withNamesOfTheirOwn(entries: readonly Entry[]): Entry[] {
  const order = (a: Entry, b: Entry) =>
    Number(a.broken) - Number(b.broken) ||
    a.record.descriptor.createdAt.localeCompare(b.record.descriptor.createdAt) ||
    a.record.descriptor.id.localeCompare(b.record.descriptor.id);
  const names = new Set<string>();
  return [...entries].sort(order).map((entry) => {
    const { descriptor } = entry.record;
    if (!names.has(descriptor.name)) {
      names.add(descriptor.name);
      return entry;
    }
    const name = `${descriptor.name.slice(0, 54).replace(/-+$/, "")}-${descriptor.id.slice(0, 8)}`;
    names.add(name);
    return broken({ ...descriptor, name }, entry.record.updatedAt, {
      code: "name-taken-twice",
      severity: "error",
      message: `another instance is named ${descriptor.name} too`,
      hint: "Its files are untouched. Move one of the two directories away, or purge one of the instances.",
    });
  });
}
