/** Extra disks as they are printed. Pure. */
import type { Disk, DiskDetails } from "../api/disk.ts";
import { formatBytes } from "../base/units.ts";

/** One line for all that it has now. */
export function disksText(disks: readonly Disk[]): string {
  const now = disks.filter(({ removedAt }) => removedAt === undefined);
  const gone = disks.length - now.length;
  const words = now.map(({ name, sizeBytes }) => `${name} (${formatBytes(sizeBytes)})`);
  return [...words, ...(gone > 0 ? [`${gone} removed`] : [])].join(", ");
}

export const DISK_HEADER = ["Disk", "Size", "On this host", "State", "Snapshots"];

export function diskRow({
  id,
  name,
  sizeBytes,
  allocatedBytes,
  removedAt,
  snapshots,
}: DiskDetails): string[] {
  return [
    name,
    formatBytes(sizeBytes),
    allocatedBytes === undefined ? "--" : formatBytes(allocatedBytes),
    removedAt === undefined ? "there" : `removed (${id})`,
    snapshots.join(",") || "--",
  ];
}
