import * as z from "zod";

/** Name of a private network. */
export const NetworkName = z
  .string()
  .regex(/^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "a network's name has small letters, digits and hyphens");

const PRIVATE = "private:";

/**
 * What a guest reaches. `default`: whatever this host reaches, and the other instances of that mode. `nat`: the former
 * alone. `private:NAME`: the instances of that network alone. `isolated`: nothing at all. This host comes in by SSH and by
 * the ports that it forwards, whatever the mode.
 */
export const NetworkMode = z.union([
  z.enum(["default", "nat", "isolated"]),
  z.templateLiteral([PRIVATE, NetworkName]),
]);
export type NetworkMode = z.infer<typeof NetworkMode>;

/** The name of the private network that it is in; undefined of any other mode. */
export function privateNetworkOf(mode: NetworkMode): string | undefined {
  return mode.startsWith(PRIVATE) ? mode.slice(PRIVATE.length) : undefined;
}

/** Whether the guest reaches whatever this host does. */
export function leadsOut(mode: NetworkMode): boolean {
  return mode === "default" || mode === "nat";
}

/** Which instances it reaches: those of the same word. Undefined: none. */
export function segmentOf(mode: NetworkMode): string | undefined {
  return mode === "default" ? "" : privateNetworkOf(mode);
}

/** A network between instances, without a way out. */
export const PrivateNetwork = z.object({
  name: NetworkName,
  instances: z.array(z.string()).describe("Names of those that are in it, those in the trash included"),
});
export type PrivateNetwork = z.infer<typeof PrivateNetwork>;
