/** A process on a terminal that the engine keeps while its client is away, with the end of what it has shown. */
import * as z from "zod";
import { SESSION_KEEP_SECONDS } from "./limits.ts";

/** What an exec stream asks for, so that its process outlives it. */
export const SessionRequest = z.strictObject({
  id: z.uuid().describe("Chosen by the client that opens it"),
  resume: z
    .boolean()
    .default(false)
    .describe("Join the session again: what it has shown last comes first. not-found where it has ended"),
  keepSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(SESSION_KEEP_SECONDS)
    .describe("How long it is kept while nobody is attached"),
});
export type SessionRequest = z.input<typeof SessionRequest>;

export const GuestSession = z.object({
  id: z.uuid(),
  attached: z.boolean().describe("One client at a time"),
  argv: z.array(z.string()).optional().describe("Absent: the user's login shell"),
  startedAt: z.iso.datetime(),
  detachedAt: z.iso.datetime().optional(),
});
export type GuestSession = z.infer<typeof GuestSession>;
