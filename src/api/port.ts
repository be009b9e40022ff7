import * as z from "zod";

const PortNumber = z.int().min(1).max(65_535);

/** What listens on this host and leads to a port of the guest. */
export const PortForward = z.object({
  protocol: z.enum(["tcp", "udp"]),
  hostAddress: z.ipv4().describe("127.0.0.1 unless others than this host may connect"),
  hostPort: PortNumber,
  guestPort: PortNumber,
});
export type PortForward = z.infer<typeof PortForward>;

/** Without a host port, the guest's own is taken where it is free, else any that is. */
export const NewPortForward = z.object({
  protocol: z.enum(["tcp", "udp"]).default("tcp"),
  hostAddress: z
    .union([z.ipv4(), z.literal("own")])
    .default("127.0.0.1")
    .describe(
      "own: the loopback address that is the instance's alone, 127 and the last three parts of its address",
    ),
  hostPort: PortNumber.optional(),
  guestPort: PortNumber,
});
export type NewPortForward = z.infer<typeof NewPortForward>;
