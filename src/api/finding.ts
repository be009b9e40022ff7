import * as z from "zod";

/** One thing that was looked at, and what to do where it is not as it should be. */
export const Finding = z.object({
  what: z.string(),
  verdict: z.enum(["ok", "warning", "error"]),
  text: z.string(),
  hint: z.string().optional(),
});
export type Finding = z.infer<typeof Finding>;
