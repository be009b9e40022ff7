import * as z from "zod";

/** Watchers of an instance are told this often, as long as it runs. */
export const METRICS_INTERVAL_MS = 2000;

const Space = z.object({ usedBytes: z.int(), totalBytes: z.int() });

/** What a guest uses. Rates are over the time since the one before, so the first has none; what it cannot tell is absent. */
export const Metrics = z.object({
  at: z.iso.datetime(),
  cpu: z.number().min(0).max(1).optional().describe("Busy share of all its CPUs"),
  memory: Space.optional(),
  disk: Space.extend({
    readBytesPerSecond: z.number().optional(),
    writtenBytesPerSecond: z.number().optional(),
  }).optional(),
  network: z
    .object({ receivedBytesPerSecond: z.number(), sentBytesPerSecond: z.number() })
    .optional()
    .describe("Loopback left out"),
});
export type Metrics = z.infer<typeof Metrics>;
