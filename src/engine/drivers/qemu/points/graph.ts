/**
 * What a point adds to the block graph of a QEMU that runs, for each disk:
 *
 *     guest ──► pf-disk ──► disk            what is about to be written over is copied aside before
 *                  └──────► pc-disk         a temporary qcow2 in the instance's directory
 *     reader ─NBD─► pv-disk ──► pf-disk     the disk as it was when pf-disk came between
 *
 * What there is of that is read from QEMU itself, so an engine that has died leaves nothing that the next does not find.
 */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { abortable, deferred, withDeadline } from "../../../../base/async.ts";
import type { DriverInstance } from "../../driver.ts";
import type { QmpClient } from "../qmp.ts";
import { runStateOf } from "../suspend.ts";
import type { Bitmap } from "./bitmaps.ts";

const COPY = "pc-";
export const copyOf = (node: string): string => `${COPY}${node}`;
export const filterOf = (node: string): string => `pf-${node}`;
export const viewOf = (node: string): string => `pv-${node}`;
export const exportOf = (node: string): string => `point-${node}`;

/** A bitmap of this point alone: what had been noted when it was taken. */
export const NOTED = "point-noted";

/** A disk that the guest has now. */
export type LiveNode = { node: string; sizeBytes: number; bitmaps: Bitmap[] };

const BitmapInfo = z.object({
  name: z.string().default(""),
  recording: z.boolean(),
  busy: z.boolean(),
  inconsistent: z.boolean().default(false),
});
const Nodes = z.array(
  z.object({
    "node-name": z.string(),
    image: z.object({ "virtual-size": z.number() }),
    "dirty-bitmaps": z.array(BitmapInfo).default([]),
  }),
);
const Devices = z.array(
  z.object({
    qdev: z.string().optional(),
    inserted: z.object({ "node-name": z.string() }).optional(),
  }),
);
const Exports = z.array(z.object({ id: z.string() }));

export async function nodesOf(monitor: QmpClient): Promise<LiveNode[]> {
  const nodes = Nodes.parse(await monitor.execute("query-named-block-nodes", { flat: true }));
  return nodes.map((one) => ({
    ...{ node: one["node-name"], sizeBytes: one.image["virtual-size"], bitmaps: one["dirty-bitmaps"] },
  }));
}

/** The guest's device, in QEMU's tree of objects, by the node that it stands on. */
export async function devicesOf(monitor: QmpClient): Promise<Map<string, string>> {
  const devices = Devices.parse(await monitor.execute("query-block"));
  const found = new Map<string, string>();
  for (const { qdev, inserted } of devices) {
    // A device with an id of its own is called by that.
    if (qdev !== undefined && inserted) found.set(inserted["node-name"], absolute(qdev));
  }
  return found;
}

const absolute = (qdev: string) => (qdev.startsWith("/") ? qdev : `/machine/peripheral/${qdev}`);

/** What the guest's device reads and writes from now on. */
export async function standDeviceOn(monitor: QmpClient, device: string, node: string): Promise<void> {
  await monitor.execute("qom-set", { path: device, property: "drive", value: node });
}

/** After an engine that may have died with a point open, or in the moment in which the guest was halted for it. */
export async function recoverFromPoint(monitor: QmpClient, instance: DriverInstance): Promise<void> {
  const wasOpen = (await nodesOf(monitor)).some(({ node }) => node.startsWith(COPY));
  await clearPoint(monitor, instance);
  if (wasOpen && (await runStateOf(monitor)) === "paused") await monitor.execute("cont");
}

/** Takes away whatever there is of a point, but the notes of changes. */
export async function clearPoint(monitor: QmpClient, instance: DriverInstance): Promise<void> {
  await endExports(monitor);
  const devices = await devicesOf(monitor);
  const nodes = await nodesOf(monitor);
  const there = new Set(nodes.map(({ node }) => node));
  const remove = async (name: string) => {
    if (there.has(name)) await monitor.execute("blockdev-del", { "node-name": name });
  };
  for (const { node, bitmaps } of nodes) {
    await remove(viewOf(node));
    const device = devices.get(filterOf(node));
    if (device !== undefined) await standDeviceOn(monitor, device, node);
    await remove(filterOf(node));
    await remove(copyOf(node));
    if (bitmaps.some(({ name }) => name === NOTED))
      await monitor.execute("block-dirty-bitmap-remove", { node, name: NOTED });
  }
  await removeCopies(instance);
}

/** How long a reader may take to be sent away. */
const EXPORT_END_MS = 5_000;

async function endExports(monitor: QmpClient): Promise<void> {
  // A QEMU that does not know the question has none.
  const exports = Exports.parse(await monitor.execute("query-block-exports").catch(() => []));
  for (const { id } of exports) await endExport(monitor, id);
  // It may have been made without one.
  await monitor.execute("nbd-server-stop").catch(() => {});
}

async function endExport(monitor: QmpClient, id: string): Promise<void> {
  const gone = deferred<void>();
  const listener = monitor.onEvent(({ name, data }) => {
    if (name === "BLOCK_EXPORT_DELETED" && data["id"] === id) gone.resolve();
  });
  const { signal, done } = withDeadline(EXPORT_END_MS);
  try {
    await monitor.execute("block-export-del", { id, mode: "hard" });
    await abortable(gone.promise, signal);
  } finally {
    listener.dispose();
    done();
  }
}

/** Where what a guest writes over is kept while the point is open. */
export function copyFileOf({ directory }: Pick<DriverInstance, "directory">, node: string): string {
  return path.join(directory, `point-${node}.qcow2`);
}

/** What a QEMU that has ended leaves of a point. */
export async function removeCopies({ directory }: Pick<DriverInstance, "directory">): Promise<void> {
  const names = await readdir(directory).catch((): string[] => []);
  for (const name of names) {
    if (/^point-.*\.qcow2$/.test(name)) await rm(path.join(directory, name), { force: true });
  }
}
