/** The record of what was decided, in the order in which it was. */
import * as z from "zod";

/** The order of the members is that of a record's text, over which its successor's hash is made. */
export const AuditRecord = z.object({
  n: z.int().positive().describe("Grows by one with every record"),
  at: z.iso.datetime(),
  by: z.string().describe("Name of the user, or of the owner"),
  owner: z.boolean().optional().describe("It was the engine's owner"),
  credential: z.string().optional().describe("Which token or certificate let them in; never what opens"),
  from: z.string().describe("socket, or an address"),
  procedure: z.string(),
  target: z.string().optional().describe("What the request named"),
  privilege: z.string(),
  path: z.string().optional().describe("What it was needed on"),
  decision: z.enum(["allowed", "denied"]),
  outcome: z.string().describe("done, or the code of the error"),
  operation: z.string().optional().describe("The operation that it began"),
  prev: z.string().describe("SHA-256 of the record before, as text; zeros in the first"),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

export const AuditVerdict = z.object({
  first: z.int().describe("Number of the oldest record that is kept; 0 where there is none"),
  last: z.int(),
  hash: z.string().describe("Of the last record; kept elsewhere it shows what was cut off the end"),
});
export type AuditVerdict = z.infer<typeof AuditVerdict>;

/** How many records one answer holds at most. */
export const MOST_RECORDS = 1000;
