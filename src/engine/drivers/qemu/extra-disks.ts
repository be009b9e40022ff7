/** Extra disks as files: standalone qcow2s in the instance's directory, named by their ids. */
import { rm } from "node:fs/promises";
import { MOST_DISKS } from "../../../api/disk-rules.ts";
import { exists, moveDurable, syncFile } from "../../../base/durable.ts";
import type { Ctx } from "../../ctx.ts";
import type { DiskSupport, DriverDisk, DriverInstance } from "../driver.ts";
import { mostOtherDisks } from "./argv-other.ts";
import { encryptDisk } from "./clone.ts";
import { allocatedBytes, enlargeDisk, makeDisk } from "./disk.ts";
import { throughDoor } from "./door.ts";
import { extraDiskFile } from "./files.ts";
import { diskOf } from "./points/resting.ts";

export class QemuDisks implements DiskSupport {
  readonly #qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>;

  constructor(qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>) {
    this.#qemuImg = qemuImg;
  }

  most({ arch, guest }: Pick<DriverInstance, "arch" | "guest">): number {
    return guest === "linux" ? MOST_DISKS : mostOtherDisks(arch);
  }

  async create(
    ctx: Ctx,
    instance: DriverInstance,
    disk: DriverDisk,
    fill?: (file: string) => Promise<void>,
  ): Promise<void> {
    const { file } = diskOf(instance, disk.id);
    if (await exists(file)) return;
    const temporary = `${file}.tmp`;
    const qemuImg = await this.#qemuImg(ctx, instance);
    const { signal } = ctx;
    const doing = `create the disk ${disk.name} of ${instance.name}`;
    try {
      await rm(temporary, { force: true });
      await throughDoor(instance, async (door) => {
        if (!fill) {
          const what = [temporary, String(disk.sizeBytes)];
          return makeDisk([qemuImg, "create"], what, door, { signal, doing });
        }
        await fill(temporary);
        await encryptDisk(qemuImg, temporary, door, { signal, doing });
        await enlargeDisk(qemuImg, temporary, disk.sizeBytes, signal, door);
      });
      ctx.signal.throwIfAborted();
      await syncFile(temporary);
      await moveDurable(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async resize(ctx: Ctx, instance: DriverInstance, disk: DriverDisk, sizeBytes: number): Promise<void> {
    const qemuImg = await this.#qemuImg(ctx, instance);
    await throughDoor(instance, (door) =>
      enlargeDisk(qemuImg, extraDiskFile(instance, disk), sizeBytes, ctx.signal, door),
    );
  }

  async remove(_ctx: Ctx, instance: DriverInstance, disk: DriverDisk): Promise<void> {
    await rm(extraDiskFile(instance, disk), { force: true });
  }

  usage(instance: DriverInstance, disk: DriverDisk): Promise<number | undefined> {
    return allocatedBytes(extraDiskFile(instance, disk));
  }
}
