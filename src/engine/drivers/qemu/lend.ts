/**
 * A disk that the engine serves, plugged into a guest that runs: what the guest writes to it, as in replaying a journal, goes
 * into a file of the instance's, and what is served stays as it is.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { NBD_EXPORT } from "../nbd-server.ts";
import type { LentDisk } from "../running.ts";
import { portOf } from "./argv-disks.ts";
import { makeDisk } from "./disk.ts";
import { NO_KEY } from "./door.ts";
import type { QmpClient } from "./qmp.ts";

export async function lendDisk(
  { signal }: Ctx,
  { name, directory }: Pick<DriverInstance, "name" | "directory">,
  { qemuImg, monitor }: { qemuImg: string; monitor: QmpClient },
  disk: LentDisk,
): Promise<void> {
  const file = path.join(directory, `lent-${disk.name}.qcow2`);
  if (!disk.isSealed) {
    await rm(file, { force: true });
    const doing = `lend a disk to ${name}`;
    await makeDisk([qemuImg, "create"], [file, String(disk.sizeBytes)], NO_KEY, { signal, doing });
  }
  for (const [command, words] of lending(disk, file)) await monitor.execute(command, words, { signal });
}

/** What the monitor is told, in order. Pure. */
export function lending(
  { name, slot, socket, isSealed }: Omit<LentDisk, "sizeBytes">,
  file: string,
): [command: string, words: Record<string, unknown>][] {
  const id = `lent-${name}`;
  const base = `${id}-base`;
  const server = { type: "unix", path: socket };
  const inner = { driver: "file", filename: file };
  const device = {
    driver: "virtio-blk-pci",
    id,
    drive: isSealed ? base : id,
    bus: portOf(slot),
    serial: name,
  };
  const over = { driver: "qcow2", "node-name": id, file: inner, backing: base };
  return [
    ["blockdev-add", { driver: "nbd", "node-name": base, "read-only": true, server, export: NBD_EXPORT }],
    ...(isSealed ? [] : [["blockdev-add", over] as [string, typeof over]]),
    ["device_add", device],
  ];
}
