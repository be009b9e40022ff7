/**
 * Points in time of an instance's disks, that can be read while the instance goes on, and disks that are made of what was
 * read. What has changed between two points is known without reading, where nothing speaks against it.
 */
import type { Ctx } from "../ctx.ts";
import type { DriverInstance } from "./driver.ts";

/** The first disk's id; extra ones have their own. */
export const FIRST_DISK = "disk";

export type PointRequest = {
  /** Names the point: a later one asks by it for what has changed since. Lower-case letters, digits and `-`. */
  id: string;
  /** The point since which changes are wanted, and the generations that its disks had. */
  since?: { id: string; generations: Readonly<Record<string, number>> } | undefined;
  /** Points of others who read this instance: changes since these are noted further, too. */
  keep: readonly string[];
};

/**
 * `frozen`: the guest had put its filesystems in order for it. `crash`: as if its plug had been pulled. `paused`: the same,
 * of a guest that was halted before. `offline`: it does not run; a suspended one has more in its memory. `live`: read file by
 * file while it ran, so that not all of it is of one moment.
 */
export type Consistency = "frozen" | "crash" | "paused" | "offline" | "live";

/** A part of a disk. `zero`: it holds nothing but zeros, so it need not be read. */
export type Extent = { offset: number; length: number; zero: boolean };

export type Block = { offset: number; data: Uint8Array };

export interface PointDisk {
  readonly id: string;
  readonly sizeBytes: number;
  /** To be given back, by the disk's id, with the point that changes are asked for since. */
  readonly generation: number;
  /** Whether `extents` tells what has changed since the point that was asked for; else all that is not zero. */
  readonly isIncrement: boolean;
  /** In order; none touches or overlaps another of its kind. */
  extents(ctx: Pick<Ctx, "signal">): AsyncIterable<Extent>;
  /**
   * Fills `into`, which is the caller's again when this has settled. Several may be under way. Rejects where the point is
   * lost: its instance has ended, or there was no space for it.
   */
  read(ctx: Pick<Ctx, "signal">, offset: number, into: Uint8Array): Promise<void>;
}

/** Whoever has opened it closes it. Meanwhile nothing but the guest may change the disks. */
/** Of a disk, in a buffer of their own. */
export async function bytesOf(
  disk: Pick<PointDisk, "read">,
  ctx: Pick<Ctx, "signal">,
  offset: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  await disk.read(ctx, offset, bytes);
  return bytes;
}

export interface Point {
  readonly consistency: Consistency;
  /** All as they were at the same moment. */
  readonly disks: readonly PointDisk[];
  /**
   * `kept`: what was read is safe, so that changes are noted since this point, and since those to be kept, and no others.
   * Otherwise all is as if the point had never been. Frees what it took either way, also where its instance has ended. Only
   * the first call decides.
   */
  close(ctx: Ctx, kept: boolean): Promise<void>;
}

/** The fresh instance: its generations decide what is believed. */
export type OpenPoint = (ctx: Ctx, instance: DriverInstance, request: PointRequest) => Promise<Point>;

export interface PointSupport {
  /** What else belongs to a point in the guest's time, by name: UEFI's variables, the TPM's state. Each may be missing. */
  smallFiles(instance: DriverInstance): readonly { name: string; file: string }[];
  /** Of an instance that does not run. It cannot start until the point is closed. */
  readonly open: OpenPoint;
  /**
   * Makes a disk that is not there yet, whole or not at all: a sparse one that needs no other file. Rejects with
   * `already-exists` where there is one, so nothing that an instance has is ever written over.
   */
  write(
    ctx: Ctx,
    instance: DriverInstance,
    disk: { id: string; sizeBytes: number },
    blocks: AsyncIterable<Block>,
  ): Promise<void>;
  /**
   * Makes a disk of an instance that does not run hold these blocks, which come in order, and zeros where there are none.
   * May be repeated; one that is cut off leaves it neither as it was nor as it shall be: keep it in a snapshot first.
   */
  overwrite(
    ctx: Ctx,
    instance: DriverInstance,
    disk: { id: string },
    blocks: AsyncIterable<Block>,
  ): Promise<void>;
}
