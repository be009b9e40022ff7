/** Extra disks of a guest that runs: plugged in, unplugged and enlarged through the monitor. */
import { deferred, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverDisk, DriverInstance } from "../driver.ts";
import type { HotDisks } from "../running.ts";
import { deviceId, diskDevice, diskNode } from "./argv-disks.ts";
import { extraDiskFile } from "./files.ts";
import type { QmpClient } from "./qmp.ts";

/** A guest that boots, or has crashed, does not answer; one that runs lets go within a second. */
const LET_GO_MS = 15_000;

export class QemuHotDisks implements HotDisks {
  readonly #instance: DriverInstance;
  readonly #monitor: () => QmpClient | undefined;
  readonly #plugged: Map<string, DriverDisk>;

  constructor(instance: DriverInstance, monitor: () => QmpClient | undefined) {
    this.#instance = instance;
    this.#monitor = monitor;
    this.#plugged = new Map(instance.disks.map((disk) => [disk.id, disk]));
  }

  /** What the guest has now. */
  get plugged(): DriverDisk[] {
    return [...this.#plugged.values()];
  }

  async attach(ctx: Ctx, disk: DriverDisk): Promise<void> {
    const monitor = this.#reach();
    const encrypted = this.#instance.openKey !== undefined;
    const node = diskNode({ ...disk, file: extraDiskFile(this.#instance, disk), encrypted });
    if (!(await hasNode(monitor, disk))) await monitor.execute("blockdev-add", node, { signal: ctx.signal });
    try {
      if (!(await hasDevice(monitor, disk))) {
        await monitor.execute("device_add", diskDevice(disk), { signal: ctx.signal });
      }
    } catch (error) {
      await monitor.execute("blockdev-del", { "node-name": deviceId(disk) }).catch(() => {});
      throw error;
    }
    this.#plugged.set(disk.id, disk);
  }

  async detach(ctx: Ctx, disk: DriverDisk): Promise<void> {
    const monitor = this.#reach();
    if (await hasDevice(monitor, disk)) await this.#unplug(ctx, monitor, disk);
    if (await hasNode(monitor, disk)) {
      await monitor.execute("blockdev-del", { "node-name": deviceId(disk) }, { signal: ctx.signal });
    }
    this.#plugged.delete(disk.id);
  }

  async resize(ctx: Ctx, disk: DriverDisk, sizeBytes: number): Promise<void> {
    const words = { "node-name": deviceId(disk), size: sizeBytes };
    await this.#reach().execute("block_resize", words, { signal: ctx.signal });
  }

  /** QEMU only asks; the guest's answer comes as an event. */
  async #unplug(ctx: Ctx, monitor: QmpClient, disk: DriverDisk): Promise<void> {
    const gone = deferred<void>();
    const listener = monitor.onEvent(({ name, data }) => {
      if (data["device"] !== deviceId(disk)) return;
      if (name === "DEVICE_DELETED") gone.resolve();
      if (name === "DEVICE_UNPLUG_GUEST_ERROR") gone.reject(this.#kept(disk));
    });
    gone.promise.catch(() => {});
    const { signal, done } = withDeadline(LET_GO_MS, ctx.signal);
    const onAbort = () => gone.reject(ctx.signal.aborted ? ctx.signal.reason : this.#kept(disk));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await monitor.execute("device_del", { id: deviceId(disk) }, { signal });
      await gone.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      listener.dispose();
      done();
    }
  }

  #kept({ name }: DriverDisk): EngineError {
    const reason = `cannot remove the disk ${name} of ${this.#instance.name}: its guest does not let go of it`;
    return new EngineError("timed-out", reason, {
      hint: "Unmount it there, or wait until the guest has booted, then try again; or stop the instance first.",
    });
  }

  #reach(): QmpClient {
    const monitor = this.#monitor();
    if (monitor) return monitor;
    const reason = `cannot reach the QEMU of ${this.#instance.name}: it does not answer`;
    throw new EngineError("driver-failed", reason);
  }
}

async function hasNode(monitor: QmpClient, disk: DriverDisk): Promise<boolean> {
  const nodes = await monitor.execute("query-named-block-nodes", { flat: true });
  return names(nodes, "node-name").includes(deviceId(disk));
}

async function hasDevice(monitor: QmpClient, disk: DriverDisk): Promise<boolean> {
  const devices = await monitor.execute("qom-list", { path: "/machine/peripheral" });
  return names(devices, "name").includes(deviceId(disk));
}

function names(list: unknown, key: string): unknown[] {
  return Array.isArray(list) ? list.map((one: Record<string, unknown>) => one[key]) : [];
}
