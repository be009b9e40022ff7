import * as z from "zod";

const PortNumber = z.int().min(1).max(65_535);
const Protocol = z.enum(["tcp", "udp"]);

/** Listeners of a guest are looked for this often, as long as somebody watches. */
export const LISTENERS_INTERVAL_MS = 3000;

const Via = z
  .enum(["network", "ssh"])
  .describe(
    "network: to the guest's address on its way out; ssh: through its SSH server to its loopback, TCP only",
  );
export type Via = z.infer<typeof Via>;

/** What listens on this host and leads to a port of the guest. */
export const PortForward = z.object({
  protocol: Protocol,
  hostAddress: z.ipv4().describe("127.0.0.1 unless others than this host may connect"),
  hostPort: PortNumber,
  guestPort: PortNumber,
  via: Via.optional().describe("network where it is left out"),
});
export type PortForward = z.infer<typeof PortForward>;

const HostAddress = z
  .union([z.ipv4(), z.literal("own")])
  .describe(
    "own: the loopback address that is the instance's alone, 127 and the last three parts of its address",
  );

/** Without a host port, the guest's own is taken where it is free, else any that is. */
export const NewPortForward = z.object({
  protocol: Protocol.default("tcp"),
  hostAddress: HostAddress.default("127.0.0.1"),
  hostPort: PortNumber.optional(),
  guestPort: PortNumber,
  via: Via.optional(),
});
export type NewPortForward = z.infer<typeof NewPortForward>;

/** Where a forward listens from now on. */
export const PortForwardChange = z.object({ hostAddress: HostAddress });
export type PortForwardChange = z.infer<typeof PortForwardChange>;

/** What listens in a guest, and can be reached by a forward. */
export const PortListener = z.object({
  protocol: Protocol,
  port: PortNumber,
  address: z.string().describe("In the guest; 0.0.0.0 and :: are all of its addresses"),
  via: Via.describe("How a forward reaches it: what listens on the guest's loopback alone, through SSH"),
  process: z.string().optional().describe("The name of the program, where the guest tells it"),
});
export type PortListener = z.infer<typeof PortListener>;
