/** What may be asked of an instance that exists, beyond power. */
import * as z from "zod";
import { AutostartPolicy, Labels, MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "./instance.ts";

/** New sizes and policies of an instance; what is left out stays. Sizes need it to be stopped. */
export const SizeChange = z.object({
  cpus: z.int().min(1).max(512).optional(),
  memoryBytes: z.int().min(MINIMUM_MEMORY_BYTES).optional(),
  diskBytes: z
    .int()
    .min(MINIMUM_DISK_BYTES)
    .optional()
    .describe(
      "Never less than it is: a disk can only be enlarged. The guest's filesystem follows at its next boot",
    ),
  autostart: AutostartPolicy.optional(),
  labels: Labels.optional().describe("In the place of those it has"),
});
export type SizeChange = z.infer<typeof SizeChange>;
