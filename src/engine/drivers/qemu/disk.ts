/** An instance's disk: a qcow2 overlay on its image, or an empty one. */
import { copyFile, rm, stat } from "node:fs/promises";
import { exists, moveDurable, syncFile } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import { noSpace, RunError, run } from "../../../base/run.ts";
import { formatBytes } from "../../../base/units.ts";
import type { DriverInstance } from "../driver.ts";
import { type Door, NO_KEY } from "./door.ts";

/** Makes the overlay if it is not there yet; what an interrupted attempt left is written over. */
export async function createDisk(
  qemuImg: string,
  file: string,
  instance: Pick<DriverInstance, "name" | "image" | "diskBytes">,
  signal: AbortSignal,
  door: Door = NO_KEY,
): Promise<void> {
  if (await exists(file)) return;
  const { image, diskBytes, name } = instance;
  if (image && diskBytes < image.virtualBytes) {
    throw new EngineError(
      "invalid-argument",
      `cannot create the disk of ${name}: ${formatBytes(diskBytes)} is less than the image's ${formatBytes(image.virtualBytes)}`,
      { hint: `Ask for ${formatBytes(image.virtualBytes)} or more.` },
    );
  }
  const temporary = `${file}.tmp`;
  await rm(temporary, { force: true });
  const backing = image ? ["-F", image.format, "-b", image.path] : [];
  await makeDisk([qemuImg, "create"], [...backing, temporary, String(diskBytes)], door, {
    ...{ signal, doing: `create the disk of ${name}` },
  });
  await syncFile(temporary);
  await moveDurable(temporary, file);
}

/** A qcow2 of what the arguments say, encrypted where the door has a key. */
export async function makeDisk(
  program: readonly string[],
  what: readonly string[],
  { objects, making }: Door,
  { signal, doing }: { signal: AbortSignal; doing: string },
): Promise<void> {
  await stretching([...program, ...objects, "-q", "-f", "qcow2", ...making, ...what], signal, doing);
}

/**
 * QEMU times how long a key takes to stretch, by a clock that may stand still for as long as its first attempt takes, and
 * then gives up: about every third time on some hosts, and before it has given the disk a key.
 */
const MISTIMED = /accurate CPU usage/;
const TRIES = 40;

/** Runs what may give a disk a key. */
export async function stretching(argv: readonly string[], signal: AbortSignal, doing: string): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await qemuImgRun(argv, signal, doing);
    } catch (error) {
      if (left === 1 || !(error instanceof RunError && MISTIMED.test(error.stderr))) throw error;
    }
  }
}

/** Makes the disk at least this large. QEMU itself refuses to shrink one. */
export async function enlargeDisk(
  qemuImg: string,
  file: string,
  diskBytes: number,
  signal: AbortSignal,
  door: Door = NO_KEY,
): Promise<void> {
  // An attempt whose engine died may have enlarged it already, perhaps further than is asked for now.
  if ((await virtualBytes(qemuImg, file, signal)) >= diskBytes) return;
  await qemuImgRun(
    [qemuImg, "resize", ...door.objects, "-q", "-f", "qcow2", door.name(file), String(diskBytes)],
    signal,
    "enlarge the disk",
  );
  await syncFile(file);
}

export async function qemuImgRun(argv: readonly string[], signal: AbortSignal, doing: string): Promise<void> {
  try {
    await run(argv, { signal });
  } catch (error) {
    throw noSpace(error, doing) ?? error;
  }
}

/** Makes the disk name this file as its image, which holds the same bytes as the one it named before. */
export async function standOn(
  qemuImg: string,
  file: string,
  image: NonNullable<DriverInstance["image"]>,
  signal: AbortSignal,
  { objects, name }: Door = NO_KEY,
): Promise<void> {
  if (!(await exists(file))) return;
  const { backing } = await infoOf(qemuImg, file, signal);
  if (backing === image.path) return;
  const how = ["-q", "-u", "-f", "qcow2", "-F", image.format, "-b", image.path];
  const argv = [qemuImg, "rebase", ...objects, ...how, name(file)];
  await qemuImgRun(argv, signal, "make the disk stand on its image");
  await syncFile(file);
}

async function virtualBytes(qemuImg: string, file: string, signal: AbortSignal): Promise<number> {
  return (await infoOf(qemuImg, file, signal)).virtualBytes;
}

async function infoOf(
  qemuImg: string,
  file: string,
  signal: AbortSignal,
): Promise<{ virtualBytes: number; backing: string | undefined }> {
  const { stdout } = await run([qemuImg, "info", "-f", "qcow2", "--output=json", file], { signal });
  const info = JSON.parse(stdout) as { "virtual-size": number; "backing-filename"?: string };
  return { virtualBytes: info["virtual-size"], backing: info["backing-filename"] };
}

/** A copy of UEFI's empty variables, for this guest to write to. */
export async function createVariables(template: string, file: string): Promise<void> {
  if (await exists(file)) return;
  const temporary = `${file}.tmp`;
  await copyFile(template, temporary);
  await syncFile(temporary);
  await moveDurable(temporary, file);
}

/** What a file really takes on the host's disk; undefined when it is not there. */
export async function allocatedBytes(file: string): Promise<number | undefined> {
  try {
    const { blocks, size } = await stat(file);
    return blocks === undefined ? size : blocks * 512;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Of several files; undefined when the first is not there. */
export async function allocatedTogether(files: readonly string[]): Promise<number | undefined> {
  const [first, ...others] = await Promise.all(files.map(allocatedBytes));
  return first === undefined ? undefined : others.reduce<number>((sum, one) => sum + (one ?? 0), first);
}
