/** What the instances of a project have together, and whether one more, or a larger one, fits its limits. Pure. */
import type { ProjectLimits, ProjectUses } from "../../api/access.ts";
import { type NetworkMode, privateNetworkOf } from "../../api/network-mode.ts";
import { formatBytes } from "../../base/units.ts";

/** What is counted of an instance, or of one that is planned. */
export type Sized = {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  disks: readonly { sizeBytes: number }[];
  network: NetworkMode;
};

export function usesOf(instances: readonly Sized[]): ProjectUses {
  const sum = (of: (one: Sized) => number) => instances.reduce((total, one) => total + of(one), 0);
  return {
    instances: instances.length,
    cpus: sum(({ cpus }) => cpus),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    diskBytes: sum(({ diskBytes, disks }) =>
      disks.reduce((total, disk) => total + disk.sizeBytes, diskBytes),
    ),
    networks: new Set(instances.flatMap(({ network }) => privateNetworkOf(network) ?? [])).size,
  };
}

const WORDS: Readonly<Record<keyof ProjectUses, string>> = {
  instances: "instances",
  cpus: "CPUs",
  memoryBytes: "memory",
  diskBytes: "disk",
  networks: "private networks",
};

/**
 * Why it does not fit; undefined where it does. `before` is absent of a new one. Nobody is kept from having less than before,
 * however much there is already.
 */
export function excessOf(
  limits: ProjectLimits,
  others: readonly Sized[],
  before: Sized | undefined,
  after: Sized,
): string | undefined {
  const had = usesOf(before ? [...others, before] : others);
  const will = usesOf([...others, after]);
  for (const measure of ["cpus", "memoryBytes"] as const) {
    const isUnlimited = after[measure] === 0 && before?.[measure] !== 0;
    if (limits[measure] !== undefined && isUnlimited) return `a limit of ${WORDS[measure]} is needed in it`;
  }
  for (const measure of Object.keys(WORDS) as (keyof ProjectUses)[]) {
    const limit = limits[measure];
    if (limit === undefined || will[measure] <= limit || will[measure] <= had[measure]) continue;
    const shown = (value: number) => (measure.endsWith("Bytes") ? formatBytes(value) : String(value));
    return `it has ${shown(had[measure])} of ${shown(limit)} ${WORDS[measure]}, and would have ${shown(will[measure])}`;
  }
  return undefined;
}
