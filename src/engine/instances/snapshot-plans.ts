/** What a snapshot that is to be taken will be called, and which one is meant. */
import { randomUUID } from "node:crypto";
import type { SnapshotOccasion } from "../../api/snapshot.ts";
import { EngineError } from "../../base/errors.ts";
import type { SnapshotWish } from "../engine-core.ts";
import type { SnapshotRecord } from "../store/record.ts";
import type { NewSnapshot } from "./actions.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { automaticName, findSnapshot, nextSnapshotName } from "./snapshot-tree.ts";

/** What taking one will be called, checked: `already-exists` where the name is in use. */
export function planSnapshot(entry: Entry, id: string, wanted: SnapshotWish): NewSnapshot {
  const { descriptor } = entry.record;
  const { comment, before } = wanted;
  refuseLive(entry);
  const next = before === undefined ? nextSnapshotName(descriptor) : automaticName(descriptor, before);
  const name = wanted.name ?? next;
  if (findSnapshot(descriptor, name)) throw taken(entry, name, "snapshot");
  return { id, name, comment, ...(before === undefined ? {} : { before }) };
}

/** Of an instance that may be harmed; undefined where it runs, where that is not wanted, or would cost something. */
export function planAutomatic(
  keeper: Keeper,
  entry: Entry,
  before: SnapshotOccasion,
  comment: string,
): NewSnapshot | undefined {
  const isFree = keeper.driverOf(entry).snapshots?.isFree ?? false;
  if (entry.running || !isFree || !keeper.settings["snapshots.before-risky"]) return undefined;
  return planSnapshot(entry, randomUUID(), { comment, before });
}

/** Of a container that runs, with the reason: what it has in memory would be missing. */
function refuseLive(entry: Entry): void {
  const why = entry.running?.whyNoSuspend;
  if (why === undefined) return;
  throw new EngineError("wrong-state", `cannot snapshot ${nameOf(entry)}: it is running, and ${why}`, {
    hint: `Stop it first: berth stop ${nameOf(entry)}`,
  });
}

/** `not-found` where the instance has none of that name. */
export function snapshotNamed(entry: Entry, name: string, verb: string): SnapshotRecord {
  const found = findSnapshot(entry.record.descriptor, name);
  if (found) return found;
  const target = `${nameOf(entry)}.${name}`;
  throw new EngineError("not-found", `cannot ${verb} ${target}: No such snapshot: ${target}`, {
    hint: `berth list --snapshots shows those of all instances.`,
  });
}

export function taken(entry: Entry, name: string, verb: string): EngineError {
  const target = `${nameOf(entry)}.${name}`;
  const reason = `cannot ${verb} ${nameOf(entry)}: Snapshot already exists: ${target}`;
  return new EngineError("already-exists", reason, { hint: "Choose another name." });
}
