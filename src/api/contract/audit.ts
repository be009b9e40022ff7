/** The record of what was decided. It is written by the engine alone, and nothing takes anything out of it. */
import * as z from "zod";
import { AuditRecord, AuditVerdict, MOST_RECORDS } from "../audit.ts";
import { List, procedure } from "./procedure.ts";

export const audit = {
  list: procedure("GET", "/v1/audit", "audit.read", "/access", "Records, the oldest first")
    .input(
      z.object({
        after: z.coerce
          .number()
          .int()
          .min(0)
          .optional()
          .describe("From the one after this on; the last ones when left out"),
        limit: z.coerce.number().int().min(1).max(MOST_RECORDS).default(100),
      }),
    )
    .output(List(AuditRecord)),
  verify: procedure(
    "GET",
    "/v1/audit/verify",
    "audit.read",
    "/access",
    "Whether every record is as it was written",
  ).output(AuditVerdict),
};
