import * as z from "zod";
import { Mount } from "./mount.ts";
import { NAME_PATTERN, NAME_RULE } from "./names.ts";

/** Snapshots are named as instances are. */
export const SnapshotName = z
  .string()
  .regex(NAME_PATTERN, { error: `Invalid snapshot name supplied. ${NAME_RULE}` });

export const SnapshotComment = z.string().max(1000);

/** What a snapshot may be taken before without anybody asking for it: `up` applies a changed `berth.yaml`. */
export const SnapshotOccasion = z.enum(["resize", "restore", "up"]);
export type SnapshotOccasion = z.infer<typeof SnapshotOccasion>;

/** What an instance was at a moment when it was stopped. Parents and children are told by their names. */
export const Snapshot = z.object({
  id: z.uuid(),
  name: z.string(),
  instance: z.string().describe("Name of the instance"),
  comment: z.string(),
  parent: z.string().optional().describe("The snapshot that was the last one taken or restored before it"),
  children: z.array(z.string()),
  current: z.boolean().describe("The instance stands on it: it is the parent of the next one"),
  createdAt: z.iso.datetime(),
  cpus: z.int(),
  memoryBytes: z.int(),
  diskBytes: z.int(),
  mounts: z.array(Mount),
  sizeBytes: z.int().describe("What the disk had grown by since the parent, on this host"),
  before: SnapshotOccasion.optional().describe(
    "It is automatic: what the engine took it before. Only the last ten of these stay; one that gets another name or comment is the user's",
  ),
});
export type Snapshot = z.infer<typeof Snapshot>;
