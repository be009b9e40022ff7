/** What the API shows of an instance. Pure. */
import type { Instance, Problem } from "../../api/instance.ts";
import type { MoveMark } from "../../api/move.ts";
import type { InstanceZone } from "../../api/zone.ts";
import { arrivalProblems } from "./arrival-words.ts";
import { containerFacts } from "./container.ts";
import { type Entry, reachOf } from "./entry.ts";
import { hasDisplay } from "./machine.ts";
import { MOVE_HINT, zoneHint, zoneReason } from "./transitions.ts";

export function toInstance(entry: Entry, zone: InstanceZone): Instance {
  const { descriptor, state, startedAt, updatedAt } = entry.record;
  const { running } = entry;
  const pending = entry.pending ?? entry.backup;
  const networkNow = reachOf(entry);
  return {
    id: descriptor.id,
    name: descriptor.name,
    ...(descriptor.project === undefined ? {} : { project: descriptor.project }),
    kind: descriptor.kind,
    driver: descriptor.driver,
    arch: descriptor.arch,
    state,
    ready: entry.ready,
    ...(pending ? { operation: pending.id } : {}),
    problems: problemsOf(entry, zone),
    image: descriptor.image,
    cpus: descriptor.cpus,
    memoryBytes: descriptor.memoryBytes,
    diskBytes: descriptor.diskBytes,
    address: descriptor.container ? (running?.address ?? "") : descriptor.address,
    mac: descriptor.mac,
    network: descriptor.network,
    ...(networkNow === descriptor.network ? {} : { networkNow }),
    zone,
    networks: descriptor.networks,
    ...(running?.ssh ? { ssh: running.ssh } : {}),
    ...(running?.accelerator ? { accelerator: running.accelerator } : {}),
    ports: descriptor.ports,
    mounts: descriptor.mounts,
    ...(descriptor.container ? { container: containerFacts(descriptor.container, running) } : {}),
    guest: descriptor.guest,
    firmware: descriptor.firmware,
    tpm: descriptor.tpm,
    display: hasDisplay(descriptor),
    encrypted: descriptor.encrypted,
    ...(descriptor.medium ? { medium: { reference: descriptor.medium.reference } } : {}),
    ...(running?.screen === undefined ? {} : { screen: running.screen }),
    ...(descriptor.move ? { move: descriptor.move } : {}),
    disks: descriptor.disks.map(({ slot: _slot, ...disk }) => disk),
    autostart: descriptor.autostart,
    labels: descriptor.labels,
    ...(descriptor.broughtUpAs === undefined ? {} : { broughtUpAs: descriptor.broughtUpAs }),
    snapshotCount: descriptor.snapshots.length,
    createdAt: descriptor.createdAt,
    updatedAt,
    ...(running && startedAt ? { startedAt } : {}),
    ...(entry.delayedStop ? { stopAt: entry.delayedStop.at } : {}),
    ...(descriptor.deletedAt ? { deletedAt: descriptor.deletedAt } : {}),
  };
}

/** What was found of the files, what is recorded, what this run shows; one of each code. */
function problemsOf(entry: Entry, zone: InstanceZone): Problem[] {
  const { damage, record, running } = entry;
  const moved = record.descriptor.move ? [isMoved(record.descriptor.move)] : [];
  const marks = [...(damage ? [damage] : []), ...moved, ...arrivalProblems(entry)];
  const own = [...marks, ...record.problems, ...(running?.problems ?? [])];
  const all = zone.available || record.state === "deleted" ? own : [zoneDisabled(zone.name), ...own];
  return all.filter((problem, index) => all.findIndex((other) => other.code === problem.code) === index);
}

function isMoved({ to, as, step }: MoveMark): Problem {
  const message = step === "moved" ? `it has moved to ${to} as ${as}` : `it is being moved to ${to}`;
  return { code: "moved", severity: "info", message, hint: MOVE_HINT };
}

function zoneDisabled(zone: string): Problem {
  return { code: "zone-disabled", severity: "info", message: zoneReason(zone), hint: zoneHint(zone) };
}
