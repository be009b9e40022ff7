/** Dirty bitmaps, in which QEMU notes what a guest writes since a point in time: their names, and which is to be believed. */
import * as z from "zod";
import { EngineError } from "../../../../base/errors.ts";
import { run } from "../../../../base/run.ts";
import type { PointRequest } from "../../points.ts";
import type { Door } from "../door.ts";

export type Bitmap = {
  name: string;
  /** It takes down every write. */
  recording: boolean;
  /** Something else uses it. */
  busy: boolean;
  /** A QEMU that was killed had it: what it says is worth nothing. */
  inconsistent: boolean;
};

const PREFIX = "bk-";

/** What notes the changes since a point. */
export function bitmapOf(pointId: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,99}$/.test(pointId)) return `${PREFIX}${pointId}`;
  throw new EngineError("invalid-argument", `cannot use the point ${pointId}: no point is called that`);
}

/** Whether what changed on the disk since that point is what its bitmap says: nothing may speak against it. Pure. */
export function isTrusted(
  bitmaps: readonly Bitmap[],
  since: PointRequest["since"],
  disk: { id: string; generation: number },
): boolean {
  if (!since || since.generations[disk.id] !== disk.generation) return false;
  const found = bitmaps.find(({ name }) => name === bitmapOf(since.id));
  return found?.recording === true && !found.busy && !found.inconsistent;
}

/** The bitmaps that a point leaves without use when it is closed. Others' are none of its business. Pure. */
export function useless(
  bitmaps: readonly Pick<Bitmap, "name">[],
  { id, keep }: Pick<PointRequest, "id" | "keep">,
  kept: boolean,
): string[] {
  const ours = bitmaps.map(({ name }) => name).filter((name) => name.startsWith(PREFIX));
  const wanted = new Set([id, ...keep].map(bitmapOf));
  return ours.filter((name) => (kept ? !wanted.has(name) : name === bitmapOf(id)));
}

const Info = z.object({
  "format-specific": z
    .object({
      data: z.object({
        bitmaps: z.array(z.object({ name: z.string(), flags: z.array(z.string()) })).default([]),
      }),
    })
    .optional(),
});

/** What changes the bitmaps of a disk. */
export type BitmapTool = { qemuImg: string; door: Door };

/** Of a disk that nothing runs on. */
export async function bitmapsIn(qemuImg: string, file: string, signal: AbortSignal): Promise<Bitmap[]> {
  const { stdout } = await run([qemuImg, "info", "-f", "qcow2", "--output=json", file], { signal });
  const found = Info.parse(JSON.parse(stdout))["format-specific"]?.data.bitmaps ?? [];
  return found.map(({ name, flags }) => ({
    ...{ name, recording: flags.includes("auto"), busy: false, inconsistent: flags.includes("in-use") },
  }));
}

/** Of a disk that nothing runs on; all of them where no names are given. */
export async function dropBitmaps(
  tool: BitmapTool,
  file: string,
  signal: AbortSignal,
  isDropped: (name: string) => boolean = () => true,
): Promise<void> {
  for (const { name } of await bitmapsIn(tool.qemuImg, file, signal)) {
    if (isDropped(name)) await changeBitmap(tool, "--remove", file, name, signal);
  }
}

export async function addBitmap(
  tool: BitmapTool,
  file: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await changeBitmap(tool, "--add", file, name, signal);
}

async function changeBitmap(
  { qemuImg, door }: BitmapTool,
  change: "--add" | "--remove",
  file: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const argv = [qemuImg, "bitmap", ...door.objects, change, "-f", "qcow2", door.name(file), name];
  await run(argv, { signal });
}
