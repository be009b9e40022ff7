/** A disk of its own from what another instance's disk holds now. Both stand on the same image, or on none. */
import { constants, copyFile, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { exists, moveDurable, privateDirectory, syncFile } from "../../../base/durable.ts";
import { run } from "../../../base/run.ts";
import type { DriverInstance } from "../driver.ts";
import { makeDisk } from "./disk.ts";
import { DISK_KEY, type Door, madeBy, NO_KEY, OTHER_KEY, openedBy, withKeys } from "./door.ts";
import { extraDiskFile, filesOf, smallFiles } from "./files.ts";
import { dropBitmaps } from "./points/bitmaps.ts";

const Info = z.object({ snapshots: z.array(z.unknown()).default([]) });

/** All disks, UEFI's variables and the TPM's state, where the source has them. Each may have been copied already. */
export async function cloneFiles(
  qemuImg: string,
  source: DriverInstance,
  target: DriverInstance,
  signal: AbortSignal,
): Promise<void> {
  await betweenDoors(source, target, async (door) => {
    await cloneDisk(qemuImg, filesOf(source).disk, filesOf(target).disk, target.image, signal, door);
    for (const one of target.disks) {
      const extra = [extraDiskFile(source, one), extraDiskFile(target, one)] as const;
      await cloneDisk(qemuImg, ...extra, undefined, signal, door);
    }
  });
  const [before, after] = [smallFiles(source), smallFiles(target)];
  for (const [index, file] of before.entries()) await cloneSmall(file, after[index] ?? file);
}

/** Opens the source's disks and makes the target's, which have a key of their own where they are encrypted. */
async function betweenDoors(
  source: DriverInstance,
  target: DriverInstance,
  work: (door: Door) => Promise<void>,
): Promise<void> {
  if (!target.openKey) return work(NO_KEY);
  const [from, to] = [await source.openKey?.(), await target.openKey()];
  const name = from ? (file: string) => openedBy(DISK_KEY, file) : NO_KEY.name;
  const keys = { ...(from ? { [DISK_KEY]: from } : {}), [OTHER_KEY]: to };
  await withKeys(source, keys, (objects) => work({ objects, name, making: madeBy(OTHER_KEY) }));
}

/**
 * Copies what the source has written of its own, without its snapshots. What an interrupted attempt left is replaced.
 * Encrypted blocks are never shared: the copy has another key.
 */
export async function cloneDisk(
  qemuImg: string,
  source: string,
  target: string,
  image: DriverInstance["image"],
  signal: AbortSignal,
  door: Door = NO_KEY,
): Promise<void> {
  if (await exists(target)) return;
  const temporary = `${target}.tmp`;
  await rm(temporary, { force: true });
  const mayShare = door === NO_KEY && !(await hasSnapshots(qemuImg, source, signal));
  if (!mayShare || !(await shareBlocks(source, temporary))) {
    const backing = image ? ["-B", image.path, "-F", image.format] : [];
    const what = ["-O", "qcow2", ...backing, door.name(source), temporary];
    await makeDisk([qemuImg, "convert"], what, door, { signal, doing: "copy a disk" });
  } else await dropBitmaps({ qemuImg, door }, temporary, signal);
  signal.throwIfAborted();
  await syncFile(temporary);
  await moveDurable(temporary, target);
}

/** Puts the encrypted content of a disk in the place of its plain one; no effect through a door without a key. */
export async function encryptDisk(
  qemuImg: string,
  file: string,
  door: Door,
  how: { signal: AbortSignal; doing: string },
): Promise<void> {
  if (door === NO_KEY) return;
  const plain = `${file}.plain`;
  try {
    await moveDurable(file, plain);
    await makeDisk([qemuImg, "convert"], ["-O", "qcow2", plain, file], door, how);
  } finally {
    await rm(plain, { force: true });
  }
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
