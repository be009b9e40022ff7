/** A disk of its own from what another instance's disk holds now. Both stand on the same image, or on none. */
import { constants, copyFile, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { exists, moveDurable, privateDirectory, syncFile } from "../../../base/durable.ts";
import { run } from "../../../base/run.ts";
import type { DriverInstance } from "../driver.ts";
import { extraDiskFile, filesOf, smallFiles } from "./files.ts";

const Info = z.object({ snapshots: z.array(z.unknown()).default([]) });

/** All disks, UEFI's variables and the TPM's state, where the source has them. Each may have been copied already. */
export async function cloneFiles(
  qemuImg: string,
  source: DriverInstance,
  target: DriverInstance,
  signal: AbortSignal,
): Promise<void> {
  await cloneDisk(qemuImg, filesOf(source).disk, filesOf(target).disk, target.image, signal);
  for (const one of target.disks) {
    const extra = [extraDiskFile(source, one), extraDiskFile(target, one)] as const;
    await cloneDisk(qemuImg, ...extra, undefined, signal);
  }
  const [before, after] = [smallFiles(source), smallFiles(target)];
  for (const [index, file] of before.entries()) await cloneSmall(file, after[index] ?? file);
}

/** Copies what the source has written of its own, without its snapshots. What an interrupted attempt left is replaced. */
export async function cloneDisk(
  qemuImg: string,
  source: string,
  target: string,
  image: DriverInstance["image"],
  signal: AbortSignal,
): Promise<void> {
  if (await exists(target)) return;
  const temporary = `${target}.tmp`;
  await rm(temporary, { force: true });
  const shared = !(await hasSnapshots(qemuImg, source, signal)) && (await shareBlocks(source, temporary));
  if (!shared) {
    const backing = image ? ["-B", image.path, "-F", image.format] : [];
    const argv = [qemuImg, "convert", "-q", "-f", "qcow2", "-O", "qcow2", ...backing, source, temporary];
    await run(argv, { signal });
  }
  signal.throwIfAborted();
  await syncFile(temporary);
  await moveDurable(temporary, target);
}

/** On a filesystem that can let two files share their blocks, a copy takes no time and no space. */
async function shareBlocks(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    await rm(to, { force: true });
    return false;
  }
}

async function hasSnapshots(qemuImg: string, file: string, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await run([qemuImg, "info", "-f", "qcow2", "--output=json", file], { signal });
  return Info.parse(JSON.parse(stdout)).snapshots.length > 0;
}

/** UEFI's variables or the TPM's state, where the guest has some. */
async function cloneSmall(source: string, target: string): Promise<void> {
  if ((await exists(target)) || !(await exists(source))) return;
  const temporary = `${target}.tmp`;
  await privateDirectory(path.dirname(target));
  await copyFile(source, temporary);
  await syncFile(temporary);
  await moveDurable(temporary, target);
}
