/** Points of encrypted disks: what a guest writes over meanwhile is kept in no plain text either, and all is read back. */
import { randomBytes, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import type { Point, PointDisk } from "../../src/engine/drivers/points.ts";
import { FIRST_DISK } from "../../src/engine/drivers/points.ts";
import { diskFiles } from "../../src/engine/drivers/qemu/files.ts";
import { copyFileOf } from "../../src/engine/drivers/qemu/points/graph.ts";
import { QemuEncryption } from "../../src/engine/drivers/qemu/rekey.ts";
import { QemuSnapshots } from "../../src/engine/drivers/qemu/snapshots.ts";
import { PointMachine } from "../support/point-machine.ts";
import { pointCtx, readExtents, readWhole } from "../support/point-model.ts";

const draw = () => new Secret(randomBytes(32).toString("hex"));
/** What the guest writes, in a length that nothing else has by chance. */
const WRITTEN = Buffer.alloc(512, 0x4d);

let machine: PointMachine;
afterEach(() => machine?.dispose());

async function holding(): Promise<string[]> {
  const files = (await readdir(machine.directory, { withFileTypes: true })).filter((one) => one.isFile());
  const found: string[] = [];
  for (const { name } of files)
    if ((await readFile(path.join(machine.directory, name))).includes(WRITTEN)) found.push(name);
  return found;
}

const since = ({ disks }: Point, id: string) => ({
  id,
  generations: Object.fromEntries(disks.map((one) => [one.id, one.generation])),
});
const first = ({ disks }: Point) => disks[0] as PointDisk;

test("of a running guest, of one at rest and after a change of its key, and a disk that is made of one", async () => {
  const [key, next] = [draw(), draw()];
  machine = await PointMachine.make(key);
  const qemuImg = async () => "qemu-img";
  const snapshots = new QemuSnapshots(qemuImg, (one) => ({ disks: diskFiles(one), small: [] }));
  await snapshots.take(pointCtx(), machine.instance, "kept");
  const resting = (id: string, before: Point, its: string) =>
    machine.points.open(pointCtx(), machine.instance, { id, since: since(before, its), keep: [] });

  await machine.start();
  await machine.io("first", "write -P 0x4d 0 1M");
  const a = await machine.open({ id: "a", keep: [] });
  await machine.io("first", "write -P 5 0 256k");
  expect(await readdir(machine.directory)).toContain(path.basename(copyFileOf(machine.instance, FIRST_DISK)));
  expect(await holding()).toEqual([]);
  const atA = await readExtents(first(a));
  expect([atA[0], atA[255], atA[256]]).toEqual([0x4d, 0x4d, 0]);
  expect(atA).toEqual(await readWhole(first(a)));
  await a.close(pointCtx(), true);
  await machine.quit();

  const b = await resting("b", a, "a");
  expect(first(b).isIncrement).toBe(true);
  const atB = await readExtents(first(b), atA);
  expect(atB).toEqual(await readWhole(first(b)));
  expect([atB[0], atB[64], atB[255]]).toEqual([5, 0x4d, 0x4d]);
  await b.close(pointCtx(), true);
  await isMadeOfBlocks();

  await machine.start();
  await machine.io("first", "write -P 0x4d 0 64k");
  await machine.quit();
  const encryption = new QemuEncryption(qemuImg);
  await encryption.addKey(pointCtx(), machine.instance, key, next);
  machine.instance = { ...machine.instance, openKey: async () => next };
  await encryption.removeKey(pointCtx(), machine.instance, next, key);
  const c = await resting("c", b, "b");
  expect(first(c).isIncrement).toBe(true);
  expect(await readExtents(first(c), atB)).toEqual(await readWhole(first(c)));
  await c.close(pointCtx(), true);
  const locked = { ...machine.instance, openKey: () => Promise.reject(new Error("the key is locked")) };
  const request = { id: "d", since: since(c, "c"), keep: [] };
  await expect(machine.points.open(pointCtx(), locked, request)).rejects.toThrow("the key is locked");

  await snapshots.restore(pointCtx(), machine.instance, "kept");
  const d = await resting("d", c, "c");
  expect([first(d).isIncrement, (await readWhole(first(d)))[0]]).toEqual([false, 0]);
  await d.close(pointCtx(), false);
  expect(await holding()).toEqual([]);
  expect((await readdir(machine.directory)).filter((name) => name.endsWith(".key"))).toEqual([]);
});

/** A disk of another instance, with what the guest has written, is encrypted like its own. */
async function isMadeOfBlocks(): Promise<void> {
  const restored = { ...machine.instance, id: randomUUID(), directory: path.join(machine.directory, "new") };
  const blocks = async function* () {
    yield { offset: 0, data: Buffer.concat(Array.from({ length: 2048 }, () => WRITTEN)) };
  };
  await machine.points.write(pointCtx(), restored, { id: FIRST_DISK, sizeBytes: 2 ** 24 }, blocks());
  const point = await machine.points.open(pointCtx(), { ...restored, disks: [] }, { id: "new", keep: [] });
  expect((await readWhole(first(point)))[0]).toBe(0x4d);
  await point.close(pointCtx(), false);
  for (const file of await readdir(restored.directory))
    expect((await readFile(path.join(restored.directory, file))).includes(WRITTEN)).toBe(false);
}

test("of a plain machine what was written over is found: the test would see it", async () => {
  machine = await PointMachine.make();
  await machine.start();
  await machine.io("first", "write -P 0x4d 0 1M");
  const a = await machine.open({ id: "a", keep: [] });
  await machine.io("first", "write -P 5 0 256k");
  expect(await holding()).toContain(path.basename(copyFileOf(machine.instance, FIRST_DISK)));
  await a.close(pointCtx(), false);
});
