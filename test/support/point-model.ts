/** What disks hold, as one byte for each unit: whoever writes in these tests fills whole units. */
import type { Ctx } from "../../src/engine/ctx.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { bytesOf, type Extent, type PointDisk } from "../../src/engine/drivers/points.ts";
import { silentLog } from "../../src/engine/log.ts";

/** Less than QEMU takes notes of, so that what surrounds a write is looked at, too. */
export const UNIT = 4096;

export function pointCtx(signal: AbortSignal = AbortSignal.timeout(120_000)): Ctx {
  return { signal, progress: () => {}, log: silentLog };
}

/** An instance as the points of its disks need it. */
export function bareInstance(id: string, directory: string, runDirectory: string): DriverInstance {
  return {
    ...{ id, name: "bare", arch: "x86_64", cpus: 1, memoryBytes: 2 ** 26, diskBytes: 2 ** 24 },
    ...{
      directory,
      runDirectory,
      shares: [],
      disks: [],
      networks: [],
      network: "default",
      address: "10.0.0.2",
      mac: "",
    },
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false, image: undefined },
    subnet: {
      ...{ cidr: "10.0.0.0/24", gateway: "10.0.0.1", dns: "10.0.0.1" },
      nat: { cidr: "", gateway: "", dns: "", address: "" },
    },
    login: {
      user: "user",
      client: { privateKey: "", publicKey: "" },
      host: { privateKey: "", publicKey: "" },
    },
  };
}

/** All extents that it tells of. */
export async function told(disk: PointDisk): Promise<Extent[]> {
  const extents: Extent[] = [];
  for await (const extent of disk.extents(pointCtx())) extents.push(extent);
  return extents;
}

function unitsOf(bytes: Buffer, at: number): Uint8Array {
  const units = new Uint8Array(bytes.length / UNIT);
  for (let index = 0; index < units.length; index += 1) {
    const unit = bytes.subarray(index * UNIT, (index + 1) * UNIT);
    const [first = 0] = unit;
    if (!unit.every((byte) => byte === first)) throw new Error(`the unit ${at / UNIT + index} is torn`);
    units[index] = first;
  }
  return units;
}

const PIECE = 2 ** 20;

async function readInto(units: Uint8Array, disk: PointDisk, from: number, length: number): Promise<void> {
  for (let at = from; at < from + length; at += PIECE) {
    const bytes = await bytesOf(disk, pointCtx(), at, Math.min(PIECE, from + length - at));
    units.set(unitsOf(bytes, at), at / UNIT);
  }
}

/** All of it, whatever is told of where there is something. */
export async function readWhole(disk: PointDisk): Promise<Uint8Array> {
  const units = new Uint8Array(disk.sizeBytes / UNIT);
  await readInto(units, disk, 0, disk.sizeBytes);
  return units;
}

/** What it is if one goes by its extents: on top of `before` where they are an increment. */
export async function readExtents(disk: PointDisk, before?: Uint8Array): Promise<Uint8Array> {
  if (disk.isIncrement && !before) throw new Error("an increment of nothing");
  const units = disk.isIncrement && before ? before.slice() : new Uint8Array(disk.sizeBytes / UNIT);
  for await (const { offset, length, zero } of disk.extents(pointCtx())) {
    if (zero) units.fill(0, offset / UNIT, (offset + length) / UNIT);
    else await readInto(units, disk, offset, length);
  }
  return units;
}
