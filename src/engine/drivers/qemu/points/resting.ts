/** A point of the disks of an instance that does not run: they stay as they are while it is open. */
import type { Ctx } from "../../../ctx.ts";
import type { DriverInstance } from "../../driver.ts";
import { FIRST_DISK, type Point, type PointRequest } from "../../points.ts";
import { throughDoor } from "../door.ts";
import { extraDiskFile, filesOf } from "../files.ts";
import {
  addBitmap,
  type BitmapTool,
  bitmapOf,
  bitmapsIn,
  dropBitmaps,
  isTrusted,
  useless,
} from "./bitmaps.ts";
import { contextsOf, NbdDisk } from "./point-disk.ts";
import { type ServedDisk, serveDisk } from "./server.ts";

export type Resting = {
  qemuImg: string;
  qemuNbd: string;
  /** Where the disk of that number is served. */
  socketOf: (index: number) => string;
};

type RestingDisk = { id: string; file: string; generation: number };

export function diskOf(instance: DriverInstance, id: string): RestingDisk {
  const file = id === FIRST_DISK ? filesOf(instance).disk : extraDiskFile(instance, { id });
  return { id, file, generation: instance.generations?.[id] ?? 0 };
}

export async function openResting(
  ctx: Ctx,
  instance: DriverInstance,
  request: PointRequest,
  tools: Resting,
): Promise<Point> {
  const disks = [FIRST_DISK, ...instance.disks.map(({ id }) => id)].map((id) => diskOf(instance, id));
  const served: ServedDisk[] = [];
  const close = closing(instance, disks, request, tools, served);
  try {
    const views: NbdDisk[] = [];
    await throughDoor(instance, async (door) => {
      for (const [index, disk] of disks.entries()) {
        const bitmap = await note(ctx, disk, request, { qemuImg: tools.qemuImg, door });
        const server = await serveDisk(
          {
            ...{ program: tools.qemuNbd, door, file: disk.file, socket: tools.socketOf(index), bitmap },
            contexts: contextsOf(bitmap),
          },
          ctx.signal,
        );
        served.push(server);
        views.push(new NbdDisk(server.client, { ...disk, bitmap }));
      }
    });
    return { consistency: "offline", disks: views, close };
  } catch (error) {
    await close(ctx, false);
    ctx.signal.throwIfAborted();
    throw error;
  }
}

/**
 * Whatever is written from the next start on is noted. Nothing is written before that, so what had been noted needs not be
 * set aside. Resolves with the bitmap to ask for it, where that is to be believed.
 */
async function note(
  { signal }: Ctx,
  disk: RestingDisk,
  { id, since }: PointRequest,
  tool: BitmapTool,
): Promise<string | undefined> {
  const bitmaps = await bitmapsIn(tool.qemuImg, disk.file, signal);
  await addBitmap(tool, disk.file, bitmapOf(id), signal);
  return since && isTrusted(bitmaps, since, disk) ? bitmapOf(since.id) : undefined;
}

/** How long taking notes off the disks may take, after a cancel too. */
const FORGET_MS = 60_000;

function closing(
  instance: DriverInstance,
  disks: readonly RestingDisk[],
  request: PointRequest,
  { qemuImg }: Resting,
  served: readonly ServedDisk[],
): Point["close"] {
  let isClosed = false;
  return async (ctx, kept) => {
    await Promise.all(served.map((one) => one.end()));
    if (isClosed) return;
    isClosed = true;
    const signal = AbortSignal.timeout(FORGET_MS);
    try {
      const isDropped = (name: string) => useless([{ name }], request, kept).length > 0;
      await throughDoor(instance, async (door) => {
        for (const { file } of disks) await dropBitmaps({ qemuImg, door }, file, signal, isDropped);
      });
    } catch (error) {
      // They take a little space until the next point is kept, and do no harm.
      ctx.log.warn("notes of a disk's changes could not be removed", { error });
    }
  };
}
