/** Changing the sizes of a stopped instance, and what is kept of any. */
import type { SizeChange } from "../../api/lifecycle.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { WorkCtx } from "../operations.ts";
import type { Descriptor } from "../store/record.ts";
import type { NewSnapshot } from "./actions.ts";
import { checkSizes, type HostFacts } from "./check.ts";
import { type Entry, nameOf } from "./entry.ts";
import { changedOutside, firstDisk } from "./generations.ts";
import type { Keeper } from "./keeper.ts";
import { planAutomatic } from "./snapshot-plans.ts";

const WORDS: Record<keyof SizeChange, string> = {
  cpus: "cpus",
  memoryBytes: "memory",
  pidsLimit: "pids",
  diskBytes: "disk",
  autostart: "autostart",
  labels: "labels",
  broughtUpAs: "broughtUpAs",
};
const KEYS = Object.keys(WORDS) as (keyof SizeChange)[];

const POLICIES: ReadonlySet<keyof SizeChange> = new Set(["autostart", "labels", "broughtUpAs"]);

/** Whether its disk and its hardware stay as they are, so that it may run meanwhile. */
export function isPolicyOnly(change: SizeChange): boolean {
  return KEYS.every((key) => change[key] === undefined || POLICIES.has(key));
}

/** Throws where the change cannot be made to this instance, or not on this host. */
export function checkChange(entry: Entry, change: SizeChange, host: HostFacts): void {
  const { descriptor } = entry.record;
  const name = descriptor.name;
  refuseNoLimit(descriptor, change);
  const { diskBytes = descriptor.diskBytes } = change;
  if (diskBytes < descriptor.diskBytes) {
    throw new EngineError("invalid-argument", `cannot set disk of ${name}: it can only be enlarged`, {
      hint: `It has ${formatBytes(descriptor.diskBytes)} now.`,
    });
  }
  // Only what it asks for anew must fit: a disk is judged by its growth.
  const wanted = {
    cpus: change.cpus || 1,
    memoryBytes: change.memoryBytes || 1,
    diskBytes: diskBytes - descriptor.diskBytes,
  };
  const [refused] = checkSizes(wanted, host, []).filter((finding) => finding.error !== undefined);
  if (!refused?.error) return;
  const which = KEYS.filter((key) => change[key] !== undefined).map((key) => WORDS[key]);
  throw new EngineError(refused.error, `cannot set ${which.join(", ")} of ${name}: ${refused.message}`, {
    hint: refused.hint,
  });
}

/** Throws where a machine would be without a size, or would have what only a container has. */
function refuseNoLimit({ name, container }: Descriptor, change: SizeChange): void {
  if (container) return;
  const key = change.pidsLimit === undefined ? KEYS.find((one) => change[one] === 0) : "pidsLimit";
  if (!key) return;
  const reason =
    key === "pidsLimit" ? "only a container has such a limit" : "only a container can be without";
  throw new EngineError("invalid-argument", `cannot set ${WORDS[key]} of ${name}: ${reason}`);
}

/** Of one whose disk grows: the guest changes its partitions and filesystem at its next boot. */
export function snapshotBefore(
  keeper: Keeper,
  entry: Entry,
  { diskBytes = 0 }: SizeChange,
): NewSnapshot | undefined {
  if (diskBytes <= entry.record.descriptor.diskBytes) return undefined;
  return planAutomatic(keeper, entry, "resize", `Before its disk grew to ${formatBytes(diskBytes)}`);
}

/**
 * The disk first: one that is larger than the descriptor says does no harm, the other way round would be a lie. Each
 * step may run again.
 */
export async function changeSizes(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  change: SizeChange = {},
): Promise<void> {
  ctx.commit();
  const { diskBytes, pidsLimit, ...others } = change;
  const { container } = entry.record.descriptor;
  if (diskBytes !== undefined && diskBytes > entry.record.descriptor.diskBytes) {
    await enlargeDisk(keeper, entry, ctx, diskBytes);
  }
  const own = { ...others, diskBytes };
  const changed = Object.entries(own).filter(([, value]) => value !== undefined);
  const limited =
    container && pidsLimit !== undefined
      ? { container: { ...container, pidsLimit: pidsLimit || undefined } }
      : {};
  await keeper.describe(entry, { ...Object.fromEntries(changed), ...limited });
}

async function enlargeDisk(keeper: Keeper, entry: Entry, ctx: WorkCtx, diskBytes: number): Promise<void> {
  const driver = keeper.driverOf(entry);
  if (!driver.resizeDisk) {
    const reason = `instances of ${driver.name} keep the disk they have`;
    throw new EngineError("not-supported", `cannot set disk of ${nameOf(entry)}: ${reason}`);
  }
  ctx.progress({ phase: "resize" });
  await keeper.describe(entry, changedOutside(entry.record.descriptor, [firstDisk]));
  await driver.resizeDisk(ctx, await keeper.driverInstance(entry, { withoutKeys: true }), diskBytes);
}
