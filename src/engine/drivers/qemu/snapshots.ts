/**
 * Snapshots as qcow2 keeps them inside its own file: each is a whole table of clusters that share what is equal, so
 * taking one costs milliseconds, and removing one frees only what no other needs. Named by our id.
 */
import { copyFile, rm } from "node:fs/promises";
import * as z from "zod";
import { exists, moveDurable, syncFile } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import { run } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance, SnapshotSupport } from "../driver.ts";
import { throughDoor } from "./door.ts";
import { dropBitmaps } from "./points/bitmaps.ts";

export type SnapshotFiles = {
  /** All of them are kept at one point: nothing runs that could write in between. */
  disks: readonly string[];
  /** UEFI's variables and the TPM's state; a guest that has none of the two has no such file. */
  small: readonly string[];
};

const Info = z.object({
  snapshots: z.array(z.object({ id: z.string(), name: z.string() })).default([]),
});

export class QemuSnapshots implements SnapshotSupport {
  readonly isFree = true;
  readonly #qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>;
  readonly #filesOf: (instance: DriverInstance) => SnapshotFiles;

  constructor(
    qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>,
    filesOf: (instance: DriverInstance) => SnapshotFiles,
  ) {
    this.#qemuImg = qemuImg;
    this.#filesOf = filesOf;
  }

  async take(ctx: Ctx, instance: DriverInstance, id: string): Promise<void> {
    const qemuImg = await this.#qemuImg(ctx, instance);
    const { disks, small } = this.#filesOf(instance);
    for (const file of small) if (await exists(file)) await copyWhole(file, kept(file, id));
    await throughDoor(instance, async ({ objects, name }) => {
      for (const disk of disks) {
        if (await has(qemuImg, disk, id, ctx.signal)) continue;
        await run([qemuImg, "snapshot", ...objects, "-q", "-c", id, name(disk)], { signal: ctx.signal });
        await syncFile(disk);
      }
    });
  }

  /** A disk takes the size that it had: qcow2 keeps that with each snapshot. */
  async restore(ctx: Ctx, instance: DriverInstance, id: string): Promise<void> {
    const qemuImg = await this.#qemuImg(ctx, instance);
    const { disks, small } = this.#filesOf(instance);
    for (const disk of disks) await refuseMissing(qemuImg, disk, id, ctx.signal);
    await throughDoor(instance, async (door) => {
      const { objects, name } = door;
      for (const disk of disks) {
        // They note what the guest writes, and it is not the guest that makes the disk another. QEMU refuses with them.
        await dropBitmaps({ qemuImg, door }, disk, ctx.signal);
        await run([qemuImg, "snapshot", ...objects, "-q", "-a", id, name(disk)], { signal: ctx.signal });
        await syncFile(disk);
      }
    });
    for (const file of small) if (await exists(kept(file, id))) await copyWhole(kept(file, id), file);
  }

  async remove(ctx: Ctx, instance: DriverInstance, id: string): Promise<void> {
    const qemuImg = await this.#qemuImg(ctx, instance);
    const { disks, small } = this.#filesOf(instance);
    await throughDoor(instance, async ({ objects, name }) => {
      for (const disk of disks) {
        if (!(await exists(disk)) || !(await has(qemuImg, disk, id, ctx.signal))) continue;
        await run([qemuImg, "snapshot", ...objects, "-q", "-d", id, name(disk)], { signal: ctx.signal });
        await syncFile(disk);
      }
    });
    for (const file of small) await rm(kept(file, id), { force: true });
  }
}

function kept(file: string, id: string): string {
  return `${file}.${id}`;
}

async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp`;
  await copyFile(from, temporary);
  await syncFile(temporary);
  await moveDurable(temporary, to);
}

/** Before any disk is changed: a snapshot of all of them is brought back whole or not at all. */
async function refuseMissing(qemuImg: string, disk: string, id: string, signal: AbortSignal): Promise<void> {
  if (await has(qemuImg, disk, id, signal)) return;
  throw new EngineError("not-found", `cannot restore: ${disk} does not hold the snapshot`, {
    hint: "Put the disk back from a backup.",
  });
}

async function has(qemuImg: string, disk: string, id: string, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await run([qemuImg, "info", "--output=json", disk], { signal });
  return Info.parse(JSON.parse(stdout)).snapshots.some((one) => one.name === id);
}
