/**
 * An instance of a container that others have made, which stays as it is; and the way back. An adoption is a launch whose
 * container is there already: until it is complete, a failure forgets the instance and leaves the container alone.
 */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { InstanceName } from "../../api/instance-name.ts";
import { NAME_RULE } from "../../api/names.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { hostArch } from "../../base/paths.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Adoption, ForeignContainers, FoundContainer } from "../drivers/foreign-containers.ts";
import { drawMac } from "../networks/addresses.ts";
import type { WorkCtx } from "../operations.ts";
import { Descriptor } from "../store/record.ts";
import { type Entry, nameOf, newEntry } from "./entry.ts";
import { permitNew } from "./final-config.ts";
import { macsIn } from "./host-nics.ts";
import type { Keeper } from "./keeper.ts";
import type { Lanes, Resumable } from "./lanes.ts";
import { newAddress } from "./own-address.ts";
import { nameFindings } from "./plan.ts";
import { reasonOf } from "./power.ts";
import { readyInBackground } from "./ready.ts";
import type { Action } from "./transitions.ts";
import { forget } from "./trash.ts";

/** What is journaled of an adoption: enough to run it again from any point. */
export const AdoptInput = z.object({ id: z.uuid(), adopt: Descriptor });
export type AdoptInput = z.infer<typeof AdoptInput>;

export function adoptEntryOf({ adopt }: AdoptInput): Entry {
  return newEntry({ descriptor: adopt, state: "creating", problems: [], updatedAt: adopt.createdAt });
}

/** Whether it is the container of an instance of this engine, one in the trash included. */
export function isInstance(keeper: Keeper, { id, instance }: FoundContainer): boolean {
  if (instance !== undefined && keeper.byId(instance)) return true;
  return keeper.entries().some(({ record }) => record.descriptor.container?.adopted === id);
}

/** Throws where it is an instance by now, or cannot be called that. No wait from here to the reservation of the name. */
export function planAdoption(
  keeper: Keeper,
  driver: Driver,
  found: FoundContainer,
  adoption: Adoption,
  as: string | undefined,
): AdoptInput {
  if (isInstance(keeper, found))
    throw new EngineError("already-exists", `cannot adopt ${found.name}: it is an instance already`);
  const name = as ?? nameFrom(found.name);
  if (!InstanceName.safeParse(name).success) {
    const reason = `cannot adopt ${found.name}: Invalid instance name supplied: ${name}`;
    throw new EngineError("invalid-argument", reason, { hint: `${NAME_RULE} Name it: --name NAME` });
  }
  const [taken] = nameFindings(keeper, name);
  if (taken) {
    throw new EngineError(taken.error ?? "already-exists", `cannot adopt ${found.name}: ${taken.message}`, {
      hint: "Name it: --name NAME",
    });
  }
  const id = randomUUID();
  const zone = keeper.zones.takeTurn();
  const { spec, cpus, memoryBytes, ports, isolated } = adoption;
  const descriptor: Descriptor = {
    ...{ id, name, revision: 0, kind: driver.kind, driver: driver.name, arch: adoption.arch ?? hostArch() },
    ...{ cpus, memoryBytes, diskBytes: 0, ports, zone, guest: "linux", firmware: "bios" },
    image: { reference: spec.image.reference, os: "", release: "", version: "" },
    container: { ...spec, runtime: found.runtime, adopted: found.id },
    address: newAddress(keeper, { id, kind: driver.kind, zone }),
    mac: drawMac(id, macsIn(keeper)),
    network: isolated ? "isolated" : "default",
    ...{
      booted: true,
      tpm: false,
      display: false,
      encrypted: false,
      autostart: "off",
      labels: {},
      createdAt: keeper.now().toISOString(),
    },
    ...{ networks: [], mounts: [], disks: [], snapshots: [], snapshotsTaken: 0 },
  };
  permitNew(keeper, descriptor, `adopt ${found.name}`);
  return { id, adopt: descriptor };
}

const LONGEST_NAME = 63;

/** The nearest name that an instance may have; whoever is not content gives another. Pure. */
export function nameFrom(name: string): string {
  const usable = name.replace(/[^A-Za-z0-9-]+/g, "-").replace(/^[^A-Za-z]+/, "");
  return usable.slice(0, LONGEST_NAME).replace(/-+$/, "");
}

/** What goes on under the operation, in the instance's lane. */
export function adoption(keeper: Keeper, lanes: Lanes, entry: Entry): Resumable {
  return {
    work: lanes.inLane(entry, (ctx) => adopt(keeper, entry, ctx)),
    onAccepted: (operation) => lanes.take(entry, "launch", operation),
  };
}

async function adopt(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  const name = nameOf(entry);
  try {
    ctx.progress({ phase: "adopt" });
    await keeper.files.prepare(entry.record.descriptor.id);
    await keeper.describe(entry, {});
    const driver = keeper.driverOf(entry);
    const instance = await keeper.driverInstance(entry);
    await foreignIn(driver, `adopt ${name}`).adopt(ctx, instance);
    // An engine that went on with this has found out by itself whether it runs.
    const running = entry.running ?? (await driver.attach(ctx, instance));
    ctx.commit();
    if (!running) return keeper.update(entry, { state: "stopped", problems: [] });
    if (!entry.running) keeper.attached(entry, running, { state: "running", problems: [] });
    void readyInBackground(keeper, entry);
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), `adopt ${name}`);
    await letGo(keeper, entry);
    throw failure;
  }
}

/** The container goes on as it is; the instance is gone. */
export async function release(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  ctx.commit();
  await letGo(keeper, entry);
}

async function letGo(keeper: Keeper, entry: Entry): Promise<void> {
  const { running } = entry;
  running?.release();
  if (running) keeper.detached(entry, running);
  await forget(keeper, entry);
}

/** Throws where it cannot be released: without its container, or with what would be lost. */
export function checkRelease({ record }: Entry): void {
  const { name, container, snapshots } = record.descriptor;
  if (!container) {
    throw new EngineError("not-supported", `cannot release ${name}: it is a VM, which is nobody's else`, {
      hint: `Delete it: berth delete ${name}`,
    });
  }
  if (snapshots.length > 0) {
    throw new EngineError("wrong-state", `cannot release ${name}: it has snapshots, which would be lost`, {
      hint: `Delete them first: berth delete --purge ${name}.${snapshots[0]?.name}`,
    });
  }
}

/** What a container is made anew for. */
const MAKES_ANEW: ReadonlySet<Action> = new Set([
  ...(["update", "restore", "add-port", "remove-port", "mount", "unmount"] as const),
]);

/** Throws where an action would make a container anew of which not all is known. `doing` begins the message. */
export function refuseOfAdopted({ record }: Entry, action: Action, doing: string): void {
  const { name, container } = record.descriptor;
  if (container?.adopted === undefined || !MAKES_ANEW.has(action)) return;
  const reason = "its container was made elsewhere, and would have to be made anew";
  throw new EngineError("not-supported", `cannot ${doing}: ${reason}`, {
    hint: `Change it where it was made, or change a clone: berth clone ${name}`,
  });
}

/** Throws where the driver knows of no containers of others. */
export function foreignIn(driver: Driver | undefined, doing: string): ForeignContainers {
  if (driver?.foreignContainers) return driver.foreignContainers;
  throw new EngineError("not-supported", `cannot ${doing}: this engine runs no containers`);
}
