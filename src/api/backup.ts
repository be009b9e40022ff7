import * as z from "zod";

const Kept = z.int().min(0).max(10_000).optional();

/**
 * Which backups of an instance stay when old ones are forgotten: the last so many, and the last one of so many hours,
 * days, weeks (which begin on Monday), months and years in which there is any. What none of these keeps is forgotten.
 */
export const Retention = z
  .object({
    last: Kept,
    hourly: Kept,
    daily: Kept,
    weekly: Kept,
    monthly: Kept,
    yearly: Kept,
  })
  .refine((rules) => Object.values(rules).some((kept) => (kept ?? 0) > 0), {
    error: "At least one rule has to keep something.",
  });
export type Retention = z.infer<typeof Retention>;

/** `HH:MM`, by the clock of the engine's host. */
export const TimeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: "A time is written as 02:30." });

/** When an instance is backed up by itself. What was missed, as in a night asleep, is made up for once. */
export const Schedule = z.discriminatedUnion("every", [
  z.object({ every: z.literal("hour"), minute: z.int().min(0).max(59) }),
  z.object({ every: z.literal("day"), at: TimeOfDay }),
  z.object({
    every: z.literal("week"),
    at: TimeOfDay,
    weekday: z.int().min(1).max(7).describe("1 is Monday"),
  }),
  z.object({
    ...{ every: z.literal("month"), at: TimeOfDay },
    day: z.int().min(1).max(31).describe("The month's last day, where it has fewer"),
  }),
]);
export type Schedule = z.infer<typeof Schedule>;
