import * as z from "zod";
import { Instance } from "./instance.ts";
import { Operation } from "./operation.ts";
import { Zone } from "./zone.ts";

const base = {
  sequence: z.int().describe("Grows by one with every event of one engine run"),
  at: z.iso.datetime(),
};

/**
 * What is now true. Each event carries the whole new object. `resync` comes first when the engine cannot continue
 * from the asked sequence: list again. `engine` ids differ between engine runs, and sequences restart with them.
 */
export const EngineEvent = z.discriminatedUnion("type", [
  z.object({ ...base, type: z.literal("resync"), engine: z.uuid() }),
  z.object({ ...base, type: z.literal("instance"), instance: Instance }),
  z.object({
    ...{ ...base, type: z.literal("instance-removed"), id: z.uuid(), name: z.string() },
    project: z.string().optional().describe("The default one where left out"),
  }),
  z.object({ ...base, type: z.literal("operation"), operation: Operation }),
  z.object({ ...base, type: z.literal("zone"), zone: Zone }),
  z.object({ ...base, type: z.literal("images") }).describe("The cached images changed: list them again"),
  z
    .object({ ...base, type: z.literal("backups") })
    .describe("Repositories, backups in them or plans changed: list them again"),
  z.object({ ...base, type: z.literal("draining") }).describe("The engine leaves soon: connect anew"),
]);
export type EngineEvent = z.infer<typeof EngineEvent>;
