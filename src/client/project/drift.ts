/** In what an instance differs from its file: what `up` would change, in words. Pure. */
import type { Instance } from "../../api/instance.ts";
import type { ProjectInstance } from "../../api/project.ts";
import { formatBytes } from "../../base/units.ts";
import {
  type Change,
  changesOf,
  difference,
  isElsewhere,
  isEncryptedOtherwise,
  isOtherDisplay,
  missingNics,
  sizesOf,
  type Written,
} from "./plan.ts";

export type Drift = {
  /** The key of the file. */
  key:
    | "cpus"
    | "memory"
    | "disk"
    | "zone"
    | "display"
    | "encrypted"
    | "network"
    | "networks"
    | "ports"
    | "mounts"
    | "disks";
  /** `memory 1 GiB, file says 2 GiB` */
  text: string;
};

/** None for an instance that is not there: it differs in being. */
export function driftOf(wanted: ProjectInstance, now: Instance | undefined, written: Written): Drift[] {
  if (!now) return [];
  const changes = changesOf(now.name, wanted, now, [], written);
  return [
    ...sizeDrift(wanted, now),
    ...(isElsewhere(wanted, now) ? [says("zone", now.zone.name, wanted.zone ?? "")] : []),
    ...(isOtherDisplay(wanted, now) ? [says("display", now.display, wanted.display ?? false)] : []),
    ...(isEncryptedOtherwise(wanted, now)
      ? [says("encrypted", now.encrypted, wanted.encrypted ?? false)]
      : []),
    ...(wanted.network === undefined || wanted.network === now.network
      ? []
      : [says("network", now.network, wanted.network)]),
    ...list(
      "networks",
      missingNics(written.networks ?? [], now).map(({ network }) => network),
    ),
    ...list("ports", changes.flatMap(portText)),
    ...list("mounts", changes.flatMap(mountText)),
    ...list("disks", changes.flatMap(diskText)),
  ];
}

function sizeDrift(wanted: ProjectInstance, now: Instance): Drift[] {
  const { cpus, memoryBytes, diskBytes } = difference(sizesOf(wanted), now) ?? {};
  return [
    ...(cpus === undefined ? [] : [says("cpus", now.cpus, cpus)]),
    ...(memoryBytes === undefined ? [] : [says("memory", sizeText(now.memoryBytes), sizeText(memoryBytes))]),
    ...(diskBytes === undefined ? [] : [says("disk", sizeText(now.diskBytes), sizeText(diskBytes))]),
  ];
}

function says(key: Drift["key"], now: string | number | boolean, wanted: string | number | boolean): Drift {
  return { key, text: `${key} ${now}, file says ${wanted}` };
}

function list(key: Drift["key"], missing: readonly string[]): Drift[] {
  return missing.length === 0 ? [] : [{ key, text: `${key} without ${missing.join(", ")}` }];
}

function portText(change: Change): string[] {
  if (change.do !== "add-port") return [];
  const { hostPort, guestPort, protocol } = change.port;
  const numbers = hostPort === undefined ? `${guestPort}` : `${hostPort}:${guestPort}`;
  return [protocol === "udp" ? `${numbers}/udp` : numbers];
}

function mountText(change: Change): string[] {
  return change.do === "add-mount" ? [change.mount.target ?? change.mount.source] : [];
}

function diskText(change: Change): string[] {
  if (change.do !== "add-disk" && change.do !== "resize-disk") return [];
  return [`${change.name} of ${sizeText(change.sizeBytes)}`];
}

function sizeText(bytes: number): string {
  return formatBytes(bytes).replace(/[KMGT]?i?B$/, " $&");
}
