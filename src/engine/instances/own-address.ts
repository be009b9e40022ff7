/** Which address a new instance has in the engine's network. */
import { drawAddress } from "../networks/addresses.ts";
import type { Descriptor } from "../store/record.ts";
import type { Keeper } from "./keeper.ts";

/** Of a container: its runtime gives it one, in a network of its own. */
export const NO_ADDRESS = "";

export function newAddress(
  keeper: Keeper,
  { id, kind, zone }: Pick<Descriptor, "id" | "kind" | "zone">,
): string {
  if (kind === "container") return NO_ADDRESS;
  // Containers of earlier versions have drawn one, which they never used.
  const machines = keeper.entries().filter(({ record }) => record.descriptor.kind === "vm");
  const taken = new Set(machines.map(({ record }) => record.descriptor.address));
  return drawAddress(keeper.zones.subnetIn(zone), id, taken);
}
