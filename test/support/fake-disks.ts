/** Extra disks of the fake driver: small files, and a list of what each running guest has plugged in. */
import { rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { exists } from "../../src/base/durable.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { DiskSupport, DriverDisk, DriverInstance } from "../../src/engine/drivers/driver.ts";
import { FIRST_DISK } from "../../src/engine/drivers/points.ts";
import type { HotDisks } from "../../src/engine/drivers/running.ts";
import type { FakeGuest, FakeHost } from "./fake-driver.ts";

export function diskOf({ directory }: Pick<DriverInstance, "directory">): string {
  return path.join(directory, "disk.fake");
}

export function extraDiskOf(
  instance: Pick<DriverInstance, "directory">,
  disk: Pick<DriverDisk, "id">,
): string {
  return path.join(instance.directory, `extra-${disk.id}.fake`);
}

export function fakeDisks(host: FakeHost): DiskSupport {
  return {
    most: () => 8,
    create: async (ctx, instance, disk, fill) => {
      host.calls.push(`create-disk ${instance.name}.${disk.name} ${disk.sizeBytes}`);
      await host.step("create-disk", instance.name, ctx.signal);
      const file = disk.id === FIRST_DISK ? diskOf(instance) : extraDiskOf(instance, disk);
      if (await exists(file)) return;
      if (fill) await fill(file);
      else await writeFile(file, "empty");
    },
    resize: async (ctx, instance, disk, sizeBytes) => {
      host.calls.push(`resize-disk ${instance.name}.${disk.name} ${sizeBytes}`);
      await host.step("resize-disk", instance.name, ctx.signal);
      if (host.guests.has(instance.id))
        host.violations.push(`resized a disk of ${instance.name}, which runs`);
    },
    remove: async (_ctx, instance, disk) => {
      host.calls.push(`purge-disk ${instance.name}.${disk.name}`);
      if (host.guests.get(instance.id)?.plugged.has(disk.id))
        host.violations.push(`purged ${disk.name}, which ${instance.name} has`);
      await rm(extraDiskOf(instance, disk), { force: true });
    },
    usage: async (instance, disk) => {
      const facts = await stat(extraDiskOf(instance, disk)).catch(() => undefined);
      return facts?.size;
    },
  };
}

/** `guest.keeps` are names of disks that the guest does not let go of. */
export function fakeHotDisks(host: FakeHost, guest: FakeGuest, instance: DriverInstance): HotDisks {
  return {
    attach: async (ctx, disk) => {
      await host.step("attach-disk", instance.name, ctx.signal);
      if (!(await exists(extraDiskOf(instance, disk))))
        host.violations.push(`plugged in ${disk.name}, which has no file`);
      guest.plugged.add(disk.id);
    },
    detach: async (ctx, disk) => {
      await host.step("detach-disk", instance.name, ctx.signal);
      if (guest.keeps.has(disk.name))
        throw new EngineError("timed-out", `cannot remove the disk ${disk.name}: the guest keeps it`);
      guest.plugged.delete(disk.id);
    },
    resize: async (_ctx, disk, sizeBytes) => {
      host.calls.push(`hot-resize ${instance.name}.${disk.name} ${sizeBytes}`);
    },
  };
}
