/** A QEMU with two disks and no guest in it: what a guest would write is written through its devices by the monitor. */
import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sleep } from "../../src/base/async.ts";
import { type Child, startChild } from "../../src/base/run.ts";
import type { Secret } from "../../src/base/secret.ts";
import type { DriverDisk, DriverInstance } from "../../src/engine/drivers/driver.ts";
import { FIRST_DISK, type Point, type PointRequest } from "../../src/engine/drivers/points.ts";
import { deviceId, diskNode, qcow2Node } from "../../src/engine/drivers/qemu/argv-disks.ts";
import { makeDisk } from "../../src/engine/drivers/qemu/disk.ts";
import { DISK_KEY, handOver, throughDoor } from "../../src/engine/drivers/qemu/door.ts";
import { extraDiskFile, filesOf } from "../../src/engine/drivers/qemu/files.ts";
import { thisHost } from "../../src/engine/drivers/qemu/host.ts";
import { devicesOf, filterOf } from "../../src/engine/drivers/qemu/points/graph.ts";
import { QemuPoints } from "../../src/engine/drivers/qemu/points/points.ts";
import { QmpClient } from "../../src/engine/drivers/qemu/qmp.ts";
import type { GuestAccess } from "../../src/engine/guest/guest.ts";
import { createScreenGuest } from "../../src/engine/guest/screen-guest.ts";
import { bareInstance, pointCtx } from "./point-model.ts";

export const DATA: DriverDisk = {
  id: randomUUID(),
  name: "a-name-of-20-letters",
  sizeBytes: 2 ** 24,
  slot: 0,
};
const EXTRA = deviceId(DATA);

export class PointMachine {
  readonly points = new QemuPoints(thisHost(), async () => "qemu-img");
  readonly directory: string;
  instance: DriverInstance;
  guest: GuestAccess = createScreenGuest("bare", undefined);
  #child: Child | undefined;
  #monitor: QmpClient | undefined;

  private constructor(directory: string, key: Secret | undefined) {
    this.directory = directory;
    const openKey = key && (async () => key);
    this.instance = { ...bareInstance(randomUUID(), directory, directory), disks: [DATA], openKey };
  }

  /** With a key its disks are encrypted. */
  static async make(key?: Secret): Promise<PointMachine> {
    const machine = new PointMachine(await mkdtemp(path.join(tmpdir(), "berth-point-")), key);
    const how = { signal: AbortSignal.timeout(60_000), doing: "make a machine" };
    const [first, second] = machine.files;
    await throughDoor(machine.instance, (door) =>
      makeDisk(["qemu-img", "create"], [first, "16M"], door, how),
    );
    // An encrypted one takes seconds.
    await copyFile(first, second);
    return machine;
  }

  get files(): [string, string] {
    return [filesOf(this.instance).disk, extraDiskFile(this.instance, DATA)];
  }

  get monitor(): QmpClient {
    if (!this.#monitor) throw new Error("the machine does not run");
    return this.#monitor;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const key = await this.instance.openKey?.();
    const given = key && (await handOver(this.instance, { [DISK_KEY]: key }));
    try {
      await this.#boot(given?.objects ?? [], key !== undefined);
    } finally {
      await given?.done();
    }
  }

  async #boot(objects: readonly string[], encrypted: boolean): Promise<void> {
    const [disk, data] = this.files;
    const first = qcow2Node("disk", disk, encrypted);
    const socket = path.join(this.directory, "qmp");
    const child = startChild([
      ...[
        "qemu-system-x86_64",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-M",
        "q35",
        "-m",
        "32",
      ],
      ...objects,
      ...["-accel", "tcg", "-qmp", `unix:${socket},server=on,wait=off`],
      ...["-blockdev", JSON.stringify(first), "-device", "virtio-blk-pci,drive=disk"],
      ...["-blockdev", JSON.stringify(diskNode({ ...DATA, file: data, encrypted }))],
      ...["-device", `virtio-blk-pci,id=${EXTRA},drive=${EXTRA},serial=${DATA.name}`],
    ]);
    let words = "";
    child.stderr.on("data", (chunk: Buffer) => {
      words += chunk.toString("utf8");
    });
    child.stdout.resume();
    this.#child = child;
    const ended = child.exited.then(() => {
      throw new Error(`QEMU ended: ${words}`);
    });
    ended.catch(() => {});
    this.#monitor = await Promise.race([connected(socket), ended]);
  }

  /** Another engine's first words with it: the monitor takes one client at a time. */
  async reconnect(): Promise<QmpClient> {
    this.monitor.close();
    await this.monitor.closed;
    this.#monitor = await connected(path.join(this.directory, "qmp"));
    return this.#monitor;
  }

  open(request: PointRequest, signal?: AbortSignal): Promise<Point> {
    const run = { monitor: () => this.monitor, guest: this.guest, plugged: [DATA] };
    return this.points.openLive(pointCtx(signal), this.instance, request, run);
  }

  /** As a guest writes: `write -P 5 0 64k`, `discard 0 64k`, … */
  async io(disk: "first" | "second", ...commands: string[]): Promise<void> {
    const node = disk === "first" ? FIRST_DISK : EXTRA;
    const devices = await devicesOf(this.monitor);
    const device = devices.get(node) ?? devices.get(filterOf(node));
    for (const command of commands) {
      const line = `qemu-io -d ${device} "${command}"`;
      const said = await this.monitor.execute("human-monitor-command", { "command-line": line });
      if (said !== "") throw new Error(`${line}: ${said}`);
    }
  }

  async quit(): Promise<void> {
    await this.#monitor?.execute("quit").catch(() => {});
    await this.#gone();
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#gone();
  }

  async #gone(): Promise<void> {
    await this.#child?.exited.catch(() => {});
    await this.#monitor?.closed;
    this.#child = undefined;
    this.#monitor = undefined;
  }

  /** What is in its directory beside its disks and its monitor. */
  async leftovers(): Promise<string[]> {
    const known = [...this.files.map((file) => path.basename(file)), "qmp"];
    return (await readdir(this.directory)).filter((name) => !known.includes(name));
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function connected(socket: string): Promise<QmpClient> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await QmpClient.connect(socket, { deadlineMs: 10_000 });
    } catch (error) {
      if (tries > 500) throw error;
      await sleep(20);
    }
  }
}
