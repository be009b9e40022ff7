import * as z from "zod";

/** What is journaled of a backup. */
export const BackupInput = z.object({
  /** Of the instance. */
  id: z.uuid(),
  action: z.literal("backup"),
  repository: z.uuid(),
  /** Names the point; a backup that has it is this one. */
  point: z.string(),
  full: z.boolean(),
  isProtected: z.boolean(),
});
export type BackupInput = z.infer<typeof BackupInput>;
