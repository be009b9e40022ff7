/** How often something else than its guest has changed a disk: what was noted of the guest's writing is not all then. Pure. */
import { FIRST_DISK } from "../drivers/points.ts";
import type { Descriptor } from "../store/record.ts";

/** To be written down before the disks are changed: an engine may die in between. */
export function changedOutside(
  { generations = {} }: Pick<Descriptor, "generations">,
  disks: readonly { id: string }[],
): Pick<Descriptor, "generations"> {
  const next = disks.map(({ id }) => [id, (generations[id] ?? 0) + 1] as const);
  return { generations: { ...generations, ...Object.fromEntries(next) } };
}

export const firstDisk = { id: FIRST_DISK };
