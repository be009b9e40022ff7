/** Points of disks that nothing runs on, and disks made of what was read, with the real qemu-nbd and qemu-img. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../../../src/base/run.ts";
import type { DriverInstance } from "../../../../../src/engine/drivers/driver.ts";
import type { Block, Point, PointDisk } from "../../../../../src/engine/drivers/points.ts";
import { FIRST_DISK } from "../../../../../src/engine/drivers/points.ts";
import { thisHost } from "../../../../../src/engine/drivers/qemu/host.ts";
import { bitmapsIn } from "../../../../../src/engine/drivers/qemu/points/bitmaps.ts";
import { QemuPoints } from "../../../../../src/engine/drivers/qemu/points/points.ts";
import { QemuSnapshots } from "../../../../../src/engine/drivers/qemu/snapshots.ts";
import {
  bareInstance,
  pointCtx,
  readExtents,
  readWhole,
  told,
  UNIT,
} from "../../../../support/point-model.ts";

const points = new QemuPoints(thisHost(), async () => "qemu-img");
const SIZE = 2 ** 24;

let directory: string;
let disk: string;
let extra: string;
let instance: DriverInstance;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth point, with a comma-"));
  disk = path.join(directory, "disk.qcow2");
  const id = randomUUID();
  extra = path.join(directory, `disk-${id}.qcow2`);
  const base = path.join(directory, "base.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", base, String(SIZE / 2)]);
  await run(["qemu-io", "-c", "write -P 7 1M 1M", base]);
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, disk, String(SIZE)]);
  await run(["qemu-img", "create", "-q", "-f", "qcow2", extra, String(SIZE)]);
  const disks = [{ id, name: "data", sizeBytes: SIZE, slot: 0 }];
  instance = { ...bareInstance(randomUUID(), directory, directory), disks };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const io = (file: string, ...commands: string[]) =>
  run(["qemu-io", "-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), file]);

const names = async (file = disk) => {
  const bitmaps = await bitmapsIn("qemu-img", file, AbortSignal.timeout(10_000));
  return bitmaps.map(({ name }) => name).sort();
};

const open = (id: string, since?: { id: string; generations: Record<string, number> }, keep: string[] = []) =>
  points.open(pointCtx(), instance, { id, since, keep });

const generations = ({ disks }: Point) => Object.fromEntries(disks.map((one) => [one.id, one.generation]));

async function contentOf(file: string): Promise<Uint8Array> {
  const raw = path.join(directory, "raw");
  await run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, raw]);
  const bytes = await readFile(raw);
  return Uint8Array.from({ length: bytes.length / UNIT }, (_, unit) => bytes[unit * UNIT] ?? 0);
}

const [first, second] = [
  (point: Point) => point.disks[0] as PointDisk,
  (point: Point) => point.disks[1] as PointDisk,
];

test("a chain of points: each increment on top of the last one is the whole, and only what changed is told", async () => {
  await io(disk, "write -P 1 0 64k", "write -P 2 4M 1M");
  await io(extra, "write -P 9 8M 4k");
  const a = await open("a");
  expect([a.consistency, first(a).isIncrement, first(a).sizeBytes]).toEqual(["offline", false, SIZE]);
  expect(await told(first(a))).toEqual([
    { offset: 0, length: 65_536, zero: false },
    { offset: 2 ** 20, length: 2 ** 20, zero: false },
    { offset: 2 ** 22, length: 2 ** 20, zero: false },
  ]);
  const before = [await readExtents(first(a)), await readExtents(second(a))];
  expect(before[0]).toEqual(await contentOf(disk));
  await a.close(pointCtx(), true);

  await io(disk, "write -P 3 4M 64k", "write -z 1M 64k", "discard 4608k 64k");
  const b = await open("b", { id: "a", generations: generations(a) });
  expect(b.disks.map((one) => one.isIncrement)).toEqual([true, true]);
  expect(await told(first(b))).toEqual([
    { offset: 2 ** 20, length: 65_536, zero: true },
    { offset: 2 ** 22, length: 65_536, zero: false },
    { offset: 4608 * 1024, length: 65_536, zero: true },
  ]);
  expect(await told(second(b))).toEqual([]);
  const after = await readExtents(first(b), before[0]);
  expect(after).toEqual(await readWhole(first(b)));
  await b.close(pointCtx(), true);
  expect(after).toEqual(await contentOf(disk));
  expect([await names(), await names(extra)]).toEqual([["bk-b"], ["bk-b"]]);
  expect((await readdir(directory)).filter((name) => !name.endsWith(".qcow2") && name !== "raw")).toEqual([]);
});

test("a point that is not kept is as if it had never been; one that others go by stays", async () => {
  const a = await open("a");
  await a.close(pointCtx(), true);
  await io(disk, "write -P 1 0 64k");
  const b = await open("b", { id: "a", generations: generations(a) });
  await b.close(pointCtx(), false);
  expect(await names()).toEqual(["bk-a"]);
  await io(disk, "write -P 1 2M 64k");
  const c = await open("c", { id: "a", generations: generations(a) }, ["a"]);
  expect((await told(first(c))).map(({ offset }) => offset)).toEqual([0, 2 ** 21]);
  await c.close(pointCtx(), true);
  await c.close(pointCtx(), true);
  expect(await names()).toEqual(["bk-a", "bk-c"]);
  const d = await open("d", { id: "a", generations: generations(a) });
  expect(first(d).isIncrement).toBe(true);
  await d.close(pointCtx(), true);
  expect(await names()).toEqual(["bk-d"]);
});

test("a disk that others have changed, and one that was set back to a snapshot, are read whole", async () => {
  const snapshots = new QemuSnapshots(
    async () => "qemu-img",
    () => ({ disks: [disk], small: [] }),
  );
  await snapshots.take(pointCtx(), instance, "snapshot");
  const a = await open("a");
  await a.close(pointCtx(), true);
  await io(disk, "write -P 5 0 1M");
  instance = { ...instance, generations: { [FIRST_DISK]: 1 } };
  const b = await open("b", { id: "a", generations: generations(a) }, ["a"]);
  expect(b.disks.map(({ isIncrement, generation }) => [isIncrement, generation])).toEqual([
    [false, 1],
    [true, 0],
  ]);
  await b.close(pointCtx(), true);
  await snapshots.restore(pointCtx(), instance, "snapshot");
  expect(await names()).toEqual([]);
  const c = await open("c", { id: "b", generations: generations(b) });
  expect(c.disks.map((one) => one.isIncrement)).toEqual([false, true]);
  expect(await readExtents(first(c))).toEqual(await readWhole(first(c)));
  await c.close(pointCtx(), false);
});

test("what an engine that died has left is ended, and hinders nothing", async () => {
  const socket = path.join(directory, `${instance.id.slice(0, 8)}.nb0`);
  const child = run(["qemu-nbd", "--read-only", "-f", "qcow2", "-k", socket, "-x", "disk", disk]);
  await expect.poll(() => readdir(directory)).toContain(path.basename(socket));
  const a = await open("a");
  await child;
  expect(await readExtents(first(a))).toEqual(await readWhole(first(a)));
  await a.close(pointCtx(), true);
  await points.endLeftovers(instance);
});

test("a point that cannot be opened leaves nothing behind", async () => {
  await rm(extra);
  await expect(open("a")).rejects.toThrow();
  expect(await names()).toEqual([]);
  await expect(open("Not A Point")).rejects.toThrow("no point is called that");
  await io(disk, "write -P 1 0 4k");
});

const UNITS = SIZE / UNIT;

async function* blocksOf(content: ReadonlyMap<number, Buffer>): AsyncGenerator<Block> {
  for (const [offset, data] of content) yield { offset, data };
}

test("a disk is made of blocks in any order: sparse, whole by itself, and only where there is none", async () => {
  const content = new Map<number, Buffer>();
  for (let n = 0; n < 40; n += 1) {
    const offset = ((n * 1237) % UNITS) * UNIT;
    content.set(offset, Buffer.alloc(UNIT, n + 1));
  }
  const id = randomUUID();
  const file = path.join(directory, `disk-${id}.qcow2`);
  await points.write(pointCtx(), instance, { id, sizeBytes: SIZE }, blocksOf(content));
  const units = new Uint8Array(UNITS);
  for (const [offset, data] of content) units[offset / UNIT] = data[0] ?? 0;
  expect(await contentOf(file)).toEqual(units);
  const { stdout } = await run(["qemu-img", "info", "--output=json", file]);
  const info = JSON.parse(stdout) as Record<string, unknown>;
  expect(info["virtual-size"]).toBe(SIZE);
  expect(info["backing-filename"]).toBeUndefined();
  expect(info["actual-size"]).toBeLessThan(SIZE / 2);
  await run(["qemu-img", "check", "-q", file]);
  const again = points.write(pointCtx(), instance, { id, sizeBytes: SIZE }, blocksOf(content));
  await expect(again).rejects.toMatchObject({ code: "already-exists" });
  expect(await contentOf(file)).toEqual(units);
});

test("a disk whose blocks fail, are called off, or lie beyond it, is not there at all", async () => {
  const id = randomUUID();
  const fill = { id, sizeBytes: SIZE };
  async function* failing(): AsyncGenerator<Block> {
    yield { offset: 0, data: randomBytes(UNIT) };
    throw new Error("the repository is gone");
  }
  await expect(points.write(pointCtx(), instance, fill, failing())).rejects.toThrow("the repository is gone");
  const beyond = new Map([[SIZE - UNIT / 2, randomBytes(UNIT)]]);
  await expect(points.write(pointCtx(), instance, fill, blocksOf(beyond))).rejects.toThrow("beyond");
  const calledOff = new AbortController();
  async function* endless(): AsyncGenerator<Block> {
    for (let n = 0; ; n += 1) {
      if (n === 100) calledOff.abort();
      yield { offset: (n % UNITS) * UNIT, data: randomBytes(UNIT) };
    }
  }
  await expect(points.write(pointCtx(calledOff.signal), instance, fill, endless())).rejects.toThrow(/abort/i);
  expect((await readdir(directory)).filter((name) => name.includes(id))).toEqual([]);
  expect((await readdir(directory)).filter((name) => name.includes(".nb"))).toEqual([]);
});

test("a disk that is there becomes what the blocks say, and zeros; its snapshot stays what it is", async () => {
  const snapshots = new QemuSnapshots(
    async () => "qemu-img",
    () => ({ disks: [disk, extra], small: [] }),
  );
  await io(disk, "write -P 1 0 64k", "write -P 2 4M 1M");
  const before = await contentOf(disk);
  await snapshots.take(pointCtx(), instance, "kept");
  const content = new Map([
    [UNIT, Buffer.alloc(UNIT, 5)],
    [SIZE - UNIT, Buffer.alloc(UNIT, 6)],
  ]);
  const overwrite = () => points.overwrite(pointCtx(), instance, { id: FIRST_DISK }, blocksOf(content));
  for (let round = 0; round < 2; round += 1) {
    await overwrite();
    const units = new Uint8Array(UNITS);
    for (const [offset, data] of content) units[offset / UNIT] = data[0] ?? 0;
    expect(await contentOf(disk)).toEqual(units);
  }
  await run(["qemu-img", "check", "-q", disk]);
  await snapshots.restore(pointCtx(), instance, "kept");
  expect(await contentOf(disk)).toEqual(before);
});
