import * as z from "zod";

/** What lies in a place of its own and can be moved. */
export const Stored = z.enum(["instances", "images"]);
export type Stored = z.infer<typeof Stored>;

/** Where one kind of data lies, and what room it takes and has. */
export const StoragePlace = z.object({
  what: z.enum(["data", ...Stored.options]),
  directory: z.string(),
  moved: z.boolean().describe("It lies elsewhere than it did at first"),
  present: z.boolean().describe("False where its disk is not mounted"),
  usedBytes: z.int().nonnegative().describe("What it takes on its disk"),
  freeBytes: z.int().nonnegative().optional(),
  totalBytes: z.int().nonnegative().optional(),
});
export type StoragePlace = z.infer<typeof StoragePlace>;

export const StorageMove = z.object({
  what: z
    .array(Stored)
    .min(1)
    .default(["instances", "images"])
    .describe("Instances with their snapshots and the trash; the cached images"),
  directory: z
    .string()
    .max(4096)
    .optional()
    .describe("Absolute; empty or not there yet. Left out: back to where it was at first"),
  running: z
    .enum(["refuse", "suspend", "stop"])
    .default("refuse")
    .describe("What to do with running instances first; they are started again at the end"),
});
export type StorageMove = z.infer<typeof StorageMove>;
