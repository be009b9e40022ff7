/** A point of the disks of a guest that runs. The guest is halted for some milliseconds, and goes on writing then. */
import { rm } from "node:fs/promises";
import { EngineError } from "../../../../base/errors.ts";
import type { Ctx } from "../../../ctx.ts";
import { whileFrozen } from "../../../guest/freeze.ts";
import type { GuestAccess } from "../../../guest/guest.ts";
import type { DriverDisk, DriverInstance } from "../../driver.ts";
import { type Consistency, FIRST_DISK, type Point, type PointRequest } from "../../points.ts";
import { deviceId, qcow2Node } from "../argv-disks.ts";
import { makeDisk } from "../disk.ts";
import { throughDoor } from "../door.ts";
import type { QmpClient } from "../qmp.ts";
import { runStateOf } from "../suspend.ts";
import { bitmapOf, isTrusted, useless } from "./bitmaps.ts";
import {
  clearPoint,
  copyFileOf,
  copyOf,
  devicesOf,
  exportOf,
  filterOf,
  NOTED,
  nodesOf,
  removeCopies,
  standDeviceOn,
  viewOf,
} from "./graph.ts";
import { NbdClient } from "./nbd.ts";
import { contextsOf, NbdDisk } from "./point-disk.ts";

/** What a point of a running guest is made with. */
export type Live = {
  /** The monitor as it is now: it may come and go. Throws where QEMU does not answer. */
  monitor: () => QmpClient;
  guest: GuestAccess;
  /** The extra disks that the guest has now. */
  plugged: readonly DriverDisk[];
  qemuImg: string;
  /** Where QEMU serves the disks. */
  socket: string;
};

type LiveDisk = {
  id: string;
  node: string;
  generation: number;
  sizeBytes: number;
  device: string;
  trusted: boolean;
};

/** Before the guest is halted all that it was about to write is written. */
const HALT_MS = 30_000;

export async function openLive(
  ctx: Ctx,
  instance: DriverInstance,
  request: PointRequest,
  live: Live,
): Promise<Point> {
  const monitor = live.monitor();
  bitmapOf(request.id);
  await refuseOld(monitor, instance);
  await clearPoint(monitor, instance);
  const disks = await lookAt(monitor, instance, request, live.plugged);
  const clients: NbdClient[] = [];
  const close = closing(instance, request, live, clients);
  try {
    await prepare(ctx, instance, monitor, disks, live);
    const consistency = await take(ctx, monitor, disks, request, live);
    const views: NbdDisk[] = [];
    for (const disk of disks) {
      views.push(await view(ctx, monitor, disk, live.socket, clients));
    }
    return { consistency, disks: views, close };
  } catch (error) {
    await close(ctx, false).catch((cause: unknown) => {
      ctx.log.warn("what was left of a point could not be removed", {
        instance: instance.name,
        error: cause,
      });
    });
    ctx.signal.throwIfAborted();
    throw error;
  }
}

/** Copies that may fail without the guest's writes are new. */
async function refuseOld(monitor: QmpClient, { name }: DriverInstance): Promise<void> {
  const { qemu } = (await monitor.execute("query-version")) as { qemu: { major: number; minor: number } };
  if (qemu.major > 7 || (qemu.major === 7 && qemu.minor >= 1)) return;
  const reason = `that needs QEMU 7.1 or later, and this is ${qemu.major}.${qemu.minor}`;
  throw new EngineError("not-supported", `cannot read the disks of ${name} while it runs: ${reason}`, {
    hint: "Stop or suspend it first.",
  });
}

async function lookAt(
  monitor: QmpClient,
  instance: DriverInstance,
  { since }: PointRequest,
  plugged: readonly DriverDisk[],
): Promise<LiveDisk[]> {
  const devices = await devicesOf(monitor);
  const nodes = new Map((await nodesOf(monitor)).map((one) => [one.node, one]));
  const wanted = [
    { id: FIRST_DISK, node: FIRST_DISK },
    ...plugged.map(({ id, name }) => ({ id, node: deviceId({ name }) })),
  ];
  return wanted.map(({ id, node }) => {
    const device = devices.get(node);
    const found = nodes.get(node);
    if (device === undefined || !found) {
      throw new EngineError(
        "driver-failed",
        `cannot read the disks of ${instance.name}: its QEMU has no ${node}`,
      );
    }
    const generation = instance.generations?.[id] ?? 0;
    const trusted = isTrusted(found.bitmaps, since, { id, generation });
    return { id, node, device, generation, trusted, sizeBytes: found.sizeBytes };
  });
}

/** All that can be done before the moment that counts. */
async function prepare(
  { signal }: Ctx,
  instance: DriverInstance,
  monitor: QmpClient,
  disks: readonly LiveDisk[],
  { qemuImg, socket }: Live,
): Promise<void> {
  const doing = `keep what ${instance.name} writes over`;
  // What was on an encrypted disk is encrypted here, too: its QEMU has the key.
  const encrypted = instance.openKey !== undefined;
  await throughDoor(instance, async (door) => {
    for (const { node, sizeBytes } of disks) {
      const file = copyFileOf(instance, node);
      await makeDisk([qemuImg, "create"], [file, String(sizeBytes)], door, { signal, doing });
      await monitor.execute("blockdev-add", qcow2Node(copyOf(node), file, encrypted));
    }
  });
  await rm(socket, { force: true });
  await monitor.execute("nbd-server-start", { addr: { type: "unix", data: { path: socket } } });
}

async function take(
  ctx: Ctx,
  monitor: QmpClient,
  disks: readonly LiveDisk[],
  request: PointRequest,
  { guest }: Live,
): Promise<Consistency> {
  if ((await runStateOf(monitor)) !== "running") {
    await comeBetween(monitor, disks, request);
    return "paused";
  }
  const { frozen } = await whileFrozen(guest, ctx, async () => {
    try {
      await monitor.execute("stop", {}, { deadlineMs: HALT_MS });
      await comeBetween(monitor, disks, request);
    } finally {
      await monitor.execute("cont", {}, { deadlineMs: HALT_MS });
    }
  });
  return frozen ? "frozen" : "crash";
}

/** While the guest is halted, so that it is the same moment for all disks, and for what is noted of them. */
async function comeBetween(
  monitor: QmpClient,
  disks: readonly LiveDisk[],
  request: PointRequest,
): Promise<void> {
  for (const { node, device } of disks) {
    await monitor.execute("blockdev-add", {
      ...{ driver: "copy-before-write", "node-name": filterOf(node), file: node, target: copyOf(node) },
      ...{ discard: "unmap", "on-cbw-error": "break-snapshot" },
    });
    await standDeviceOn(monitor, device, filterOf(node));
  }
  await monitor.execute("transaction", { actions: disks.flatMap((disk) => notes(disk, request)) });
}

/** From now on what changes is noted anew; what had been noted before is set aside, and noted further where it was. */
function notes({ node, trusted }: LiveDisk, { id, since }: PointRequest): object[] {
  const fresh = { type: "block-dirty-bitmap-add", data: { node, name: bitmapOf(id), persistent: true } };
  if (!trusted || !since) return [fresh];
  const aside = { type: "block-dirty-bitmap-add", data: { node, name: NOTED, disabled: true } };
  const before = { node, target: NOTED, bitmaps: [bitmapOf(since.id)] };
  return [fresh, aside, { type: "block-dirty-bitmap-merge", data: before }];
}

/** Lets the disk be read as it was. */
async function view(
  { signal }: Ctx,
  monitor: QmpClient,
  disk: LiveDisk,
  socket: string,
  clients: NbdClient[],
): Promise<NbdDisk> {
  const { node, trusted } = disk;
  const bitmap = trusted ? NOTED : undefined;
  await monitor.execute("blockdev-add", {
    ...{ driver: "snapshot-access", "node-name": viewOf(node), file: filterOf(node) },
  });
  const serve = async (served: string, noted: string | undefined) => {
    const bitmaps = noted === undefined ? [] : [{ node, name: noted }];
    const names = { id: exportOf(served), "node-name": served, name: served };
    await monitor.execute("block-export-add", { type: "nbd", ...names, bitmaps });
    const client = await NbdClient.connect(socket, served, { signal, contexts: contextsOf(noted) });
    clients.push(client);
    return client;
  };
  const copies = await serve(copyOf(node), undefined);
  return new NbdDisk(await serve(viewOf(node), bitmap), { ...disk, bitmap, copies });
}

function closing(
  instance: DriverInstance,
  request: PointRequest,
  live: Live,
  clients: readonly NbdClient[],
): Point["close"] {
  let isClosed = false;
  return async (ctx, kept) => {
    await Promise.all(clients.map((client) => client.close()));
    if (isClosed) return;
    try {
      const monitor = live.monitor();
      await clearPoint(monitor, instance);
      await forget(monitor, request, kept);
      isClosed = true;
    } catch (error) {
      // A QEMU that has ended holds nothing; the next that is adopted or started finds what is left of one that has not.
      await removeCopies(instance);
      ctx.log.warn("a point could not be closed in QEMU", { instance: instance.name, error });
    } finally {
      await rm(live.socket, { force: true });
    }
  };
}

async function forget(monitor: QmpClient, request: PointRequest, kept: boolean): Promise<void> {
  const actions = (await nodesOf(monitor)).flatMap(({ node, bitmaps }) =>
    useless(bitmaps, request, kept).map((name) => ({
      type: "block-dirty-bitmap-remove",
      data: { node, name },
    })),
  );
  if (actions.length > 0) await monitor.execute("transaction", { actions });
}
