/** What may be asked of an instance that exists, beyond power. */
import * as z from "zod";
import { PidsLimit } from "./container.ts";
import { AutostartPolicy, BroughtUpAs, Labels } from "./instance.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "./limits.ts";

/** What takes a limit of a container away. */
const NoLimit = z.literal(0);

/** New sizes and policies of an instance; what is left out stays. Sizes need it to be stopped. */
export const SizeChange = z.object({
  cpus: z.int().min(0).max(512).optional().describe("0: a container may use all"),
  memoryBytes: z
    .union([z.int().min(MINIMUM_MEMORY_BYTES), NoLimit])
    .optional()
    .describe("0: a container may use all"),
  pidsLimit: z
    .union([PidsLimit, NoLimit])
    .optional()
    .describe("How many processes a container may have; 0: any number"),
  diskBytes: z
    .int()
    .min(MINIMUM_DISK_BYTES)
    .optional()
    .describe(
      "Never less than it is: a disk can only be enlarged. The guest's filesystem follows at its next boot",
    ),
  autostart: AutostartPolicy.optional(),
  labels: Labels.optional().describe("In the place of those it has"),
  broughtUpAs: BroughtUpAs.optional(),
});
export type SizeChange = z.infer<typeof SizeChange>;

export const SnapshotFirst = z
  .boolean()
  .default(true)
  .describe("Whether a disk that grows is kept in a snapshot, where `snapshots.before-risky` says so");
