/** The API over extra disks: what is asked for is checked, then becomes an action on the instance. */
import { randomUUID } from "node:crypto";
import { type DiskDetails, NewDisk, type NewDisk as NewDiskType } from "../../api/disk.ts";
import { MOST_DISKS, SMALLEST_EXTRA_DISK_BYTES } from "../../api/disk-rules.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { DiskSupport } from "../drivers/driver.ts";
import type { DisksApi } from "../engine-core.ts";
import { diskSource } from "../images/disk-source.ts";
import type { DiskRecord } from "../store/record.ts";
import type { ActionInput } from "./actions.ts";
import type { HostFacts } from "./check.ts";
import { checkSizes } from "./check.ts";
import { refuseOfContainer } from "./container.ts";
import type { PlannedDisk } from "./disk-work.ts";
import { type Entry, nameOf } from "./entry.ts";
import { permitWish } from "./final-config.ts";
import type { Keeper } from "./keeper.ts";

type DiskAction = "add-disk" | "resize-disk" | "remove-disk" | "recover-disk" | "purge-disk";

/** How the actions are begun; the manager. */
type Actions = {
  act(name: string, action: DiskAction, more: Pick<ActionInput, "disk" | "force">, target: string): Operation;
};

export class Disks implements DisksApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;
  readonly #hostFacts: () => Promise<HostFacts>;

  constructor(keeper: Keeper, actions: Actions, hostFacts: () => Promise<HostFacts>) {
    this.#keeper = keeper;
    this.#actions = actions;
    this.#hostFacts = hostFacts;
  }

  async list(instance: string): Promise<DiskDetails[]> {
    const entry = this.#keeper.find(instance, "list the disks of");
    const { disks, snapshots } = entry.record.descriptor;
    if (disks.length === 0) return [];
    const support = supportOf(this.#keeper, entry);
    const known = await this.#keeper.driverInstance(entry, { withoutKeys: true });
    const details = disks.map(async ({ slot, ...disk }) => {
      const allocatedBytes = await support.usage(known, { ...disk, slot });
      const holding = snapshots.filter((one) => one.disks.some(({ id }) => id === disk.id));
      return {
        ...disk,
        ...(allocatedBytes === undefined ? {} : { allocatedBytes }),
        snapshots: holding.map(({ name }) => name),
      };
    });
    return Promise.all(details);
  }

  async add(instance: string, wanted: NewDiskType): Promise<Operation> {
    const entry = this.#keeper.find(instance, "add a disk to");
    const support = supportOf(this.#keeper, entry);
    if (wanted.source !== undefined)
      permitWish(entry, { files: [wanted.source] }, `add a disk to ${instance}`);
    const host = await this.#hostFacts();
    const [planned] = await planDisks(instance, [wanted]);
    // No wait from here on, or two disks could get the same name.
    const { disks, arch, guest } = entry.record.descriptor;
    const disk = placed(instance, present(disks), planned ? [planned] : [], support.most({ arch, guest }))[0];
    if (!disk) throw new EngineError("internal", `cannot add a disk to ${instance}: there is none`);
    refuseLarge(`add a disk to ${instance}`, disk.sizeBytes, host);
    return this.#actions.act(instance, "add-disk", { disk }, `${instance}.${disk.name}`);
  }

  async resize(instance: string, name: string, sizeBytes: number): Promise<Operation> {
    const host = await this.#hostFacts();
    const entry = this.#keeper.find(instance, "resize a disk of");
    const disk = diskNamed(entry, name, "resize", present(entry.record.descriptor.disks));
    const size = wholeSectors(sizeBytes);
    if (size < disk.sizeBytes) {
      throw new EngineError(
        "invalid-argument",
        `cannot resize ${instance}.${disk.name}: it can only be enlarged`,
        { hint: `It has ${formatBytes(disk.sizeBytes)} now.` },
      );
    }
    refuseLarge(`resize ${instance}.${disk.name}`, size - disk.sizeBytes, host);
    return this.#act(entry, "resize-disk", { ...disk, sizeBytes: size });
  }

  async remove(instance: string, name: string, { force }: { force: boolean }): Promise<Operation> {
    const entry = this.#keeper.find(instance, "remove a disk of");
    const disk = diskNamed(entry, name, "remove", present(entry.record.descriptor.disks));
    return this.#act(entry, "remove-disk", disk, force);
  }

  async recover(instance: string, name: string): Promise<Operation> {
    const entry = this.#keeper.find(instance, "recover a disk of");
    const { disks, arch, guest } = entry.record.descriptor;
    const disk = diskNamed(entry, name, "recover", removed(disks));
    const most = supportOf(this.#keeper, entry).most({ arch, guest });
    const [again] = placed(instance, present(disks), [disk], most);
    return this.#act(entry, "recover-disk", again ?? disk);
  }

  async purge(instance: string, name: string): Promise<Operation> {
    const entry = this.#keeper.find(instance, "purge a disk of");
    const { disks, snapshots } = entry.record.descriptor;
    const disk = diskNamed(entry, name, "purge", removed(disks));
    const holding = snapshots.filter((one) => one.disks.some(({ id }) => id === disk.id));
    if (holding.length === 0) return this.#act(entry, "purge-disk", disk);
    const names = holding.map((one) => one.name).join(", ");
    throw new EngineError("busy", `cannot purge ${instance}.${disk.name}: the snapshots ${names} hold it`, {
      hint: "Delete those snapshots first.",
    });
  }

  #act(entry: Entry, action: DiskAction, disk: PlannedDisk, force?: boolean): Operation {
    const more = { disk, ...(force ? { force } : {}) };
    return this.#actions.act(nameOf(entry), action, more, `${nameOf(entry)}.${disk.name}`);
  }
}

export function present(disks: readonly DiskRecord[]): DiskRecord[] {
  return disks.filter(({ removedAt }) => removedAt === undefined);
}

function removed(disks: readonly DiskRecord[]): DiskRecord[] {
  return disks.filter(({ removedAt }) => removedAt !== undefined);
}

/** Throws `not-supported` where the driver gives an instance but one disk. */
export function supportOf(keeper: Keeper, entry: Entry): DiskSupport {
  const hint = "Launch one with a volume: --volume NAME:/dir";
  refuseOfContainer(entry.record.descriptor, "change the disks of", "disks to be plugged in", hint);
  const driver = keeper.driverOf(entry);
  if (driver.disks) return driver.disks;
  const reason = `cannot change the disks of ${nameOf(entry)}: the driver ${driver.name} gives it but one`;
  throw new EngineError("not-supported", reason);
}

/** By name, or by id. */
function diskNamed(entry: Entry, name: string, verb: string, among: readonly DiskRecord[]): DiskRecord {
  const found = among.filter((one) => one.name === name || one.id === name);
  const target = `${nameOf(entry)}.${name}`;
  const [only] = found;
  if (only && found.length === 1) return only;
  if (only) {
    const ids = found.map(({ id }) => id).join(", ");
    throw new EngineError("invalid-argument", `cannot ${verb} ${target}: several disks had that name`, {
      hint: `Name one by its id: ${ids}`,
    });
  }
  const isRemoved = entry.record.descriptor.disks.some((one) => one.name === name || one.id === name);
  const reason = isRemoved
    ? verb === "recover" || verb === "purge"
      ? "it was not removed"
      : "it was removed"
    : "there is no such disk";
  throw new EngineError("not-found", `cannot ${verb} ${target}: ${reason}`, {
    hint: isRemoved && verb === "purge" ? "Remove it first." : `berth disk list ${nameOf(entry)} shows them.`,
  });
}

/** What a launch or an addition asks for, checked against the files it names. `name` may be left open still. */
export type Wanted = Omit<PlannedDisk, "id" | "name" | "slot"> & { id?: string; name?: string | undefined };

/** Throws `invalid-argument` for what cannot be a disk. `where` is the instance's name, for messages. */
export async function planDisks(where: string, wanted: readonly NewDiskType[]): Promise<Wanted[]> {
  return Promise.all(wanted.map((one) => planDisk(where, one)));
}

async function planDisk(where: string, wanted: NewDiskType): Promise<Wanted> {
  const refuse = (reason: string, hint?: string) =>
    new EngineError("invalid-argument", `cannot add a disk to ${where}: ${reason}`, { hint });
  const parsed = NewDisk.safeParse(wanted);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { name, sizeBytes, source, raw } = parsed.data;
  if (source === undefined) {
    if (sizeBytes === undefined) throw refuse("its size is missing", "Give a size, such as 10G.");
    return { name, sizeBytes: wholeSectors(sizeBytes) };
  }
  const found = await diskSource(source, { raw });
  if (sizeBytes !== undefined && sizeBytes < found.virtualBytes) {
    throw refuse(
      `${formatBytes(sizeBytes)} is less than the ${formatBytes(found.virtualBytes)} of ${source}`,
    );
  }
  const size = Math.max(sizeBytes ?? found.virtualBytes, SMALLEST_EXTRA_DISK_BYTES);
  return { name, sizeBytes: wholeSectors(size), source: found };
}

/** QEMU enlarges disks by whole sectors only. */
function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / 512) * 512;
}

/** Gives each what it lacks of a name, an id and a place. Throws where a name is taken or no place is left. Pure but for the ids. */
export function placed(
  where: string,
  there: readonly Pick<DiskRecord, "name" | "slot">[],
  wanted: readonly Wanted[],
  most: number = MOST_DISKS,
): PlannedDisk[] {
  const all: Pick<DiskRecord, "name" | "slot">[] = [...there];
  const asked = new Set([...there, ...wanted].map(({ name }) => name));
  return wanted.map((one) => {
    const slot = firstFree((n) => all.every((other) => other.slot !== n), 0);
    if (slot >= most) {
      const reason = `cannot add a disk to ${where}: it can have ${most} beside its first one`;
      throw new EngineError("no-resources", reason, { hint: "Remove one first." });
    }
    const name = one.name ?? `disk${firstFree((n) => !asked.has(`disk${n}`), 1)}`;
    asked.add(name);
    if (all.some((other) => other.name === name)) {
      const reason = `cannot add a disk to ${where}: it has a disk ${name} already`;
      throw new EngineError("already-exists", reason, { hint: "Choose another name." });
    }
    const disk = { ...one, id: one.id ?? randomUUID(), name, slot };
    all.push(disk);
    return disk;
  });
}

function firstFree(isFree: (n: number) => boolean, from: number): number {
  for (let n = from; ; n += 1) if (isFree(n)) return n;
}

function refuseLarge(what: string, bytes: number, host: HostFacts): void {
  const wanted = { cpus: 1, memoryBytes: 1, diskBytes: bytes };
  const [refused] = checkSizes(wanted, host, []).filter(({ error }) => error !== undefined);
  if (!refused?.error) return;
  throw new EngineError(refused.error, `cannot ${what}: ${refused.message}`, { hint: refused.hint });
}
