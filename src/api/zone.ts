import * as z from "zod";

/** A part of the engine's subnet that can be made unavailable as a whole, as a cloud provider's may become. */
export const Zone = z.object({
  name: z.string(),
  available: z.boolean(),
  subnet: z.string().describe("The instances in it have their addresses here"),
});
export type Zone = z.infer<typeof Zone>;

/** What an instance tells of its zone. */
export const InstanceZone = Zone.pick({ name: true, available: true });
export type InstanceZone = z.infer<typeof InstanceZone>;
