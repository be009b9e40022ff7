/** A new instance from the disk of a stopped one. Until it is complete, a failure takes everything back. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { InstanceName } from "../../api/instance-name.ts";
import { NAME_RULE } from "../../api/names.ts";
import type { HostNic } from "../../api/network.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Driver } from "../drivers/driver.ts";
import { drawMac } from "../networks/addresses.ts";
import type { WorkCtx } from "../operations.ts";
import { Descriptor } from "../store/record.ts";
import { hasLogin } from "./container.ts";
import { disksNow } from "./disk-work.ts";
import { makeKey } from "./encryption.ts";
import { type Entry, nameOf, newEntry } from "./entry.ts";
import { permitNew } from "./final-config.ts";
import { changedOutside, firstDisk } from "./generations.ts";
import { macsIn, planNics } from "./host-nics.ts";
import type { Keeper } from "./keeper.ts";
import { takeBack } from "./launch.ts";
import { newAddress } from "./own-address.ts";
import { nameFindings } from "./plan.ts";
import { reasonOf } from "./power.ts";

/** What is journaled of a clone: enough to run it again from any point. */
export const CloneInput = z.object({
  /** Of the clone. */
  id: z.uuid(),
  source: z.uuid(),
  clone: Descriptor,
});
export type CloneInput = z.infer<typeof CloneInput>;

export function cloneEntryOf({ clone }: CloneInput): Entry {
  return newEntry({ descriptor: clone, state: "creating", problems: [], updatedAt: clone.createdAt });
}

/** Throws where the clone cannot be called that. Left out: the first `<source>-cloneN` that is free. */
export function planClone(
  keeper: Keeper,
  source: Entry,
  as: string | undefined,
  { encrypted = false }: { encrypted?: boolean } = {},
): CloneInput {
  const name = as ?? defaultName(keeper, nameOf(source));
  if (!InstanceName.safeParse(name).success) {
    const reason = `cannot clone ${nameOf(source)}: Invalid instance name supplied: ${name}`;
    throw new EngineError("invalid-argument", reason, { hint: NAME_RULE });
  }
  const [found] = nameFindings(keeper, name);
  if (found) {
    const reason = `cannot clone ${nameOf(source)}: ${found.message}`;
    throw new EngineError(found.error ?? "already-exists", reason, { hint: found.hint });
  }
  cloneDriver(keeper, source);
  refusePlainDriver(keeper, source, encrypted);
  const id = randomUUID();
  const { kind, zone } = source.record.descriptor;
  const address = newAddress(keeper, { id, kind, zone });
  const networks = drawnAnew(keeper, id, source.record.descriptor.networks);
  const mac = drawMac(id, new Set([...macsIn(keeper), ...networks.map((one) => one.mac)]));
  const createdAt = keeper.now().toISOString();
  const identity = { id, name, address, mac, networks, createdAt };
  const clone = descriptorOf(source, identity);
  permitNew(keeper, clone, `clone ${nameOf(source)}`);
  return {
    ...{ id, source: source.record.descriptor.id },
    clone: { ...clone, encrypted: clone.encrypted || encrypted },
  };
}

/** Throws where it shall be encrypted, and its driver could not do that. */
function refusePlainDriver(keeper: Keeper, source: Entry, encrypted: boolean): void {
  const driver = keeper.driverOf(source);
  if (!encrypted || driver.encryption) return;
  const reason = `cannot clone ${nameOf(source)}: the driver ${driver.name} cannot encrypt disks`;
  throw new EngineError("not-supported", reason);
}

const LONGEST_NAME = 63;

function defaultName(keeper: Keeper, source: string): string {
  for (let n = 1; ; n += 1) {
    const ending = `-clone${n}`;
    const name = `${source.slice(0, LONGEST_NAME - ending.length)}${ending}`;
    if (!keeper.has(name)) return name;
  }
}

type Identity = Pick<Descriptor, "id" | "name" | "address" | "mac" | "networks" | "createdAt">;

/** On the same networks, as another. */
function drawnAnew(keeper: Keeper, id: string, networks: readonly HostNic[]): HostNic[] {
  const wanted = networks.map(({ network, mode }) => ({ network, mode }));
  return planNics(keeper, id, wanted, { bridged: () => "" });
}

/** All that the source is, but what is its alone: who it is, and its history. */
function descriptorOf(entry: Entry, identity: Identity): Descriptor {
  const { record } = entry;
  const { currentSnapshot: _current, deletedAt: _deleted, clonedFrom: _before, ...rest } = record.descriptor;
  // An ISO that lies in the source's own directory is not copied.
  const { medium, ...without } = rest;
  const kept = medium?.path === undefined ? without : rest;
  const fresh = { revision: 0, booted: false, ports: [], snapshots: [], snapshotsTaken: 0 };
  // A clone's container is made by us, whoever made its source's.
  const container = rest.container && {
    container: { ...rest.container, adopted: undefined, ownVolumes: undefined },
  };
  const disks = disksNow(entry);
  const copied = changedOutside(record.descriptor, [firstDisk, ...disks]);
  return { ...kept, ...identity, ...fresh, ...container, ...copied, disks };
}

export async function cloneInstance(
  keeper: Keeper,
  entry: Entry,
  source: Entry,
  ctx: WorkCtx,
): Promise<void> {
  try {
    // One that an engine died in may have come to its end but for the journal.
    if (!entry.record.descriptor.booted) await copy(keeper, entry, source, ctx);
    ctx.commit();
    await keeper.describe(entry, { booted: true });
    keeper.update(entry, { state: "stopped", problems: [] });
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), `clone ${nameOf(source)}`);
    await takeBack(keeper, entry, ctx, failure);
    throw failure;
  }
}

async function copy(keeper: Keeper, entry: Entry, source: Entry, ctx: WorkCtx): Promise<void> {
  const { id } = entry.record.descriptor;
  ctx.progress({ phase: "clone" });
  const original = await keeper.driverInstance(source);
  await keeper.files.prepare(id);
  if (hasLogin(source.record.descriptor) && !(await keeper.files.readSecrets(id))) {
    const login = await keeper.makeLogin(original.login.user);
    await keeper.files.writeSecrets(id, { login, userData: original.userData });
  }
  await makeKey(keeper, entry);
  const { id: from, clonedFrom } = source.record.descriptor;
  // A source that was never booted since it was cloned itself still lets its own source's key in.
  const own = original.login.client.publicKey.trim();
  const keys = [...new Set([...(clonedFrom?.keys ?? []), ...(own === "" ? [] : [own])])];
  await keeper.describe(entry, { clonedFrom: { id: from, keys } });
  ctx.signal.throwIfAborted();
  await cloneDriver(keeper, source)(ctx, original, await keeper.driverInstance(entry));
}

function cloneDriver(keeper: Keeper, source: Entry): NonNullable<Driver["clone"]> {
  const driver = keeper.driverOf(source);
  if (driver.clone) return driver.clone.bind(driver);
  const reason = `cannot clone ${nameOf(source)}: the driver ${driver.name} cannot clone`;
  throw new EngineError("not-supported", reason);
}
