/** Extra disks on QEMU's command line and through its monitor: the same device either way. Pure. */
import { createHash } from "node:crypto";
import { MOST_DISKS } from "../../../api/disk-rules.ts";
import type { DriverDisk } from "../driver.ts";
import { NBD_EXPORT } from "../nbd-server.ts";
import { DISK_KEY, encryption } from "./door.ts";

export type DiskFile = DriverDisk & {
  file: string;
  encrypted?: boolean | undefined;
  /** Where what it lacks still is served. */
  awaited?: string | undefined;
};

/**
 * PCI Express plugs and unplugs only at ports of their own, and those cannot be added later: every guest has them all,
 * in one slot of the root bus.
 */
const PORTS_SLOT = "0x10";

export function diskPorts(): string[] {
  return Array.from({ length: MOST_DISKS }, (_, slot) => slot).flatMap((slot) => [
    "-device",
    `pcie-root-port,id=${portOf(slot)},chassis=${slot + 1},addr=${PORTS_SLOT}.${slot}${slot === 0 ? ",multifunction=on" : ""}`,
  ]);
}

export const portOf = (slot: number) => `disks${slot}`;

/** QEMU's name for the disk and what holds it. A name of ours has no comma, nor anything else to quote. */
export const deviceId = ({ name }: Pick<DriverDisk, "name">): string => `extra-${name}`;

/** The format is always said: a guest could otherwise write a header that names any file of the host. */
export function diskNode({ name, file, encrypted, awaited }: Omit<DiskFile, "id" | "sizeBytes" | "slot">) {
  return qcow2Node(deviceId({ name }), file, encrypted, awaited);
}

/**
 * The key of an encrypted one has been given before. What it still lacks is read from `awaited`: only this run knows of that, the
 * file itself never names another.
 */
export function qcow2Node(name: string, file: string, encrypted = false, awaited?: string) {
  const inner = { driver: "file", filename: file };
  const encrypt = encrypted ? { encrypt: encryption(DISK_KEY) } : {};
  const backing = awaited === undefined ? {} : { backing: awaitedNode(name, awaited) };
  return { driver: "qcow2", "node-name": name, discard: "unmap", file: inner, ...encrypt, ...backing };
}

/** For so many seconds a guest waits for who serves it before it is told of an error: a month. */
const RECONNECT_SECONDS = 30 * 24 * 3600;

export const awaitedNodeOf = (node: string): string => `aw-${node}`;

function awaitedNode(node: string, socket: string) {
  const server = { type: "unix", path: socket };
  const how = { "read-only": true, export: NBD_EXPORT, "reconnect-delay": RECONNECT_SECONDS };
  return { driver: "nbd", "node-name": awaitedNodeOf(node), server, ...how };
}

export function diskDevice({ name, slot }: Pick<DriverDisk, "name" | "slot">) {
  const id = deviceId({ name });
  return { driver: "virtio-blk-pci", id, drive: id, bus: portOf(slot), serial: name };
}

export function extraDisks(disks: readonly DiskFile[]): string[] {
  return disks.flatMap((disk) => {
    const { driver, ...properties } = diskDevice(disk);
    const list = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
    return ["-blockdev", JSON.stringify(diskNode(disk)), "-device", [driver, ...list].join(",")];
  });
}

/** Whether a `-device` is one that may come and go while the guest runs. */
export function isExtraDisk(device: string): boolean {
  return /^[a-z-]+,id=extra-/.test(device);
}

/** The digest of hardware and of what is plugged into it now. */
export function hardwareWith(hardware: string, disks: readonly Pick<DriverDisk, "name" | "slot">[]): string {
  if (disks.length === 0) return hardware;
  const plugged = disks.map(({ name, slot }) => `${slot}:${name}`).sort();
  return createHash("sha256")
    .update([hardware, ...plugged].join("\0"))
    .digest("hex");
}
