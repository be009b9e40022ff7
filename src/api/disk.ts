/** Disks of an instance beside the one that its system is on. */
import * as z from "zod";
import {
  DISK_NAME_PATTERN,
  DISK_NAME_RULE,
  LARGEST_DISK_BYTES,
  SMALLEST_EXTRA_DISK_BYTES,
} from "./disk-rules.ts";

export const DiskName = z.string().regex(DISK_NAME_PATTERN, {
  error: `not a valid name of a disk. ${DISK_NAME_RULE}`,
});

export const DiskSize = z.int().min(SMALLEST_EXTRA_DISK_BYTES).max(LARGEST_DISK_BYTES);

/** Empty, or with what a file of the engine's host holds, which is copied. */
export const NewDisk = z.strictObject({
  name: DiskName.optional().describe("disk1, disk2, … when left out"),
  sizeBytes: DiskSize.optional().describe("That of the file when left out"),
  source: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe("Absolute path of a qcow2 or raw disk of the engine's host; it is copied, never written to"),
  raw: z.boolean().default(false).describe("Take the file as a raw disk, whatever it holds"),
});
export type NewDisk = z.input<typeof NewDisk>;

export const Disk = z.object({
  id: z.uuid(),
  name: z.string().describe("A Linux guest has it as /dev/disk/by-id/virtio-<name>"),
  sizeBytes: z.int(),
  removedAt: z.iso.datetime().optional().describe("Present when it was taken away; its content is kept"),
});
export type Disk = z.infer<typeof Disk>;

export const DiskDetails = Disk.extend({
  allocatedBytes: z.int().optional().describe("What it takes on this host"),
  snapshots: z.array(z.string()).describe("Names of the snapshots that hold it"),
});
export type DiskDetails = z.infer<typeof DiskDetails>;
