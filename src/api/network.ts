import * as z from "zod";

/** A network interface of the engine's host that guests could be bridged to. */
export const HostNetwork = z.object({
  name: z.string(),
  type: z.enum(["ethernet", "wifi", "bridge", "other"]),
  description: z.string(),
});
export type HostNetwork = z.infer<typeof HostNetwork>;

export const MOST_NICS = 8;

/** `auto`: the guest asks for an address there by DHCP; `manual`: the NIC is there, and the guest leaves it alone. */
export const NicMode = z.enum(["auto", "manual"]);
export type NicMode = z.infer<typeof NicMode>;

/** A NIC on a network of the host that a guest is to have beside its own. */
export const NewHostNic = z.strictObject({
  network: z
    .string()
    .min(1)
    .max(64)
    .describe("Name of an interface of the host; `bridged` means the one that is set for that"),
  mode: NicMode.default("auto"),
  mac: z.string().max(64).optional().describe("Such as 52:54:00:4b:ab:cd; drawn when left out"),
});
export type NewHostNic = z.infer<typeof NewHostNic>;

export const HostNic = z.object({ network: z.string(), mode: NicMode, mac: z.string() });
export type HostNic = z.infer<typeof HostNic>;
