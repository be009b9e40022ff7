/** The keys that open an instance's disks: LUKS keeps a slot for each in a disk's header, and snapshots have no other. */
import { exists, syncFile } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import { run } from "../../../base/run.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance, EncryptionSupport } from "../driver.ts";
import { stretching } from "./disk.ts";
import { amendment, DISK_KEY, isWrongKey, OTHER_KEY, openedBy, withKeys } from "./door.ts";
import { diskFiles } from "./files.ts";

export class QemuEncryption implements EncryptionSupport {
  readonly #qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>;

  constructor(qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>) {
    this.#qemuImg = qemuImg;
  }

  addKey(ctx: Ctx, instance: DriverInstance, key: Secret, added: Secret): Promise<void> {
    return this.#each(ctx, instance, { key, other: added }, async (disk, amend, opens) => {
      // An attempt that was interrupted may have given it to some.
      if (await opens(OTHER_KEY)) return;
      await amend(amendment({ added: OTHER_KEY }));
      if (!(await opens(OTHER_KEY))) throw unchanged(instance.name, disk);
    });
  }

  removeKey(ctx: Ctx, instance: DriverInstance, key: Secret, removed: Secret): Promise<void> {
    return this.#each(ctx, instance, { key, other: removed }, async (disk, amend, opens) => {
      if (!(await opens(OTHER_KEY))) return;
      await amend(amendment({ removed: OTHER_KEY }));
      if (await opens(OTHER_KEY)) throw unchanged(instance.name, disk);
    });
  }

  async #each(
    ctx: Ctx,
    instance: DriverInstance,
    { key, other }: { key: Secret; other: Secret },
    work: (
      disk: string,
      amend: (how: readonly string[]) => Promise<void>,
      opens: (by: string) => Promise<boolean>,
    ) => Promise<void>,
  ): Promise<void> {
    const qemuImg = await this.#qemuImg(ctx, instance);
    const { signal } = ctx;
    await withKeys(instance, { [DISK_KEY]: key, [OTHER_KEY]: other }, async (objects) => {
      for (const disk of diskFiles(instance)) {
        if (!(await exists(disk))) continue;
        const amend = async (how: readonly string[]) => {
          const argv = [qemuImg, "amend", ...objects, "-q", "-f", "qcow2", ...how, openedBy(DISK_KEY, disk)];
          await stretching(argv, signal, `change the key of ${instance.name}`);
          await syncFile(disk);
        };
        await work(disk, amend, (by) => isOpenedBy([qemuImg, ...objects], by, disk, signal));
      }
    });
  }
}

/** Listing snapshots reads the header alone, but needs a key for it. */
async function isOpenedBy(
  [qemuImg = "", ...objects]: readonly string[],
  key: string,
  disk: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await run([qemuImg, "snapshot", ...objects, "-l", openedBy(key, disk)], { signal });
    return true;
  } catch (error) {
    if (isWrongKey(error)) return false;
    throw error;
  }
}

function unchanged(name: string, disk: string): EngineError {
  return new EngineError(
    "driver-failed",
    `cannot change the key of ${name}: QEMU has left ${disk} as it was`,
  );
}
