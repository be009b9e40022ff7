import * as z from "zod";

/** A network interface of the engine's host that guests could be bridged to. */
export const HostNetwork = z.object({
  name: z.string(),
  type: z.enum(["ethernet", "wifi", "bridge", "other"]),
  description: z.string(),
});
export type HostNetwork = z.infer<typeof HostNetwork>;
