/** Points of the disk of a guest that lives: frozen for it, gone on from after a suspend, and booted from elsewhere. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import { run } from "../../src/base/run.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { type Block, FIRST_DISK, type Point, type PointDisk } from "../../src/engine/drivers/points.ts";
import { createQemuDriver } from "../../src/engine/drivers/qemu/driver.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import { generateLogin } from "../../src/engine/guest/keys.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { DEFAULT_SETTINGS } from "../../src/engine/settings.ts";
import { ctx, execIn } from "../contract/driver.ts";
import { testImage } from "../support/guest-image.ts";

const driver = createQemuDriver({ settings: () => DEFAULT_SETTINGS });
let root: string;
let instance: DriverInstance;
let running: Running;
const made: DriverInstance[] = [];

async function newInstance(name: string): Promise<DriverInstance> {
  const image = await testImage();
  const { stdout } = await run(["qemu-img", "info", "--output=json", image.path]);
  const virtualBytes = (JSON.parse(stdout) as { "virtual-size": number })["virtual-size"];
  const directory = path.join(root, name);
  await mkdir(directory, { mode: 0o700 });
  const one: DriverInstance = {
    ...{ id: randomUUID(), name, arch: hostArch(), cpus: 2, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
    ...{ address: `10.77.0.${made.length + 9}`, mac: `52:54:00:77:01:0${made.length}` },
    ...{ directory, runDirectory: root, shares: [], disks: [], networks: [] },
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
    subnet: subnetAround("10.77.0.1"),
    image: { path: image.path, format: "qcow2", sizeBytes: image.sizeBytes, virtualBytes },
    login: generateLogin(image.user),
  };
  made.push(one);
  return one;
}

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-points-"));
  instance = await newInstance("source");
  await driver.create(ctx(), instance);
  running = await driver.start(ctx(), instance);
  await running.guest.waitReady(ctx());
});
afterAll(async () => {
  for (const one of made) await driver.delete(ctx(), one);
  await rm(root, { recursive: true, force: true });
});

const shell = (script: string) => execIn(running, { argv: ["sh", "-c", script] });
const diskOf = ({ disks: [disk] }: Point) => disk as PointDisk;
const since = (id: string) => ({ id, generations: { [FIRST_DISK]: 0 } });

async function openLive(id: string, before?: string): Promise<Point> {
  if (!running.openPoint) throw new Error("its disks cannot be read");
  return running.openPoint(ctx(), instance, {
    id,
    since: before === undefined ? undefined : since(before),
    keep: [],
  });
}

/** Into the disk's blocks since the last point, as a backup would have them. */
async function readInto(blocks: Map<number, Buffer>, disk: PointDisk): Promise<number> {
  const piece = 2 ** 19;
  let read = 0;
  for await (const { offset, length, zero } of disk.extents(ctx())) {
    for (let at = offset - (offset % piece); at < offset + length; at += piece) {
      const data = await disk.read(ctx(), at, Math.min(piece, disk.sizeBytes - at));
      if (zero && data.every((byte) => byte === 0)) blocks.delete(at);
      else blocks.set(at, data);
      read += data.length;
    }
  }
  return read;
}

async function* blocksOf(content: ReadonlyMap<number, Buffer>): AsyncGenerator<Block> {
  for (const [offset, data] of content) yield { offset, data };
}

test("what a guest has just written is in a frozen point; increments go on over a suspend; another boots from them", async () => {
  const content = new Map<number, Buffer>();
  await shell("echo first > first; sleep 1000 > /dev/null 2>&1 &");
  const a = await openLive("a");
  expect(a.consistency).toBe("frozen");
  // It goes on meanwhile, and writes.
  expect((await shell("echo meanwhile > meanwhile && sync && cat meanwhile")).stdout).toBe("meanwhile\n");
  const whole = await readInto(content, diskOf(a));
  await a.close(ctx(), true);

  await shell("echo second > second");
  const b = await openLive("b", "a");
  expect([b.consistency, diskOf(b).isIncrement]).toEqual(["frozen", true]);
  const increment = await readInto(content, diskOf(b));
  expect(increment).toBeLessThan(whole / 4);
  await b.close(ctx(), true);

  await shell("echo third > third; sync");
  await running.suspend?.(ctx());
  const c = await driver.points?.open(ctx(), instance, { id: "c", since: since("b"), keep: [] });
  expect([c?.consistency, c && diskOf(c).isIncrement]).toEqual(["offline", true]);
  if (c) await readInto(content, diskOf(c));
  await c?.close(ctx(), true);
  running = await driver.start(ctx(), instance);
  await running.guest.waitReady(ctx());
  expect((await shell("pgrep -c sleep")).stdout).toBe("1\n");
  await shell("echo fourth > fourth");
  const d = await openLive("d", "c");
  expect([d.consistency, diskOf(d).isIncrement]).toEqual(["frozen", true]);
  await readInto(content, diskOf(d));
  await d.close(ctx(), true);

  const target = await newInstance("target");
  const sizeBytes = diskOf(d).sizeBytes;
  await driver.points?.write(ctx(), target, { id: FIRST_DISK, sizeBytes }, blocksOf(content));
  await running.stop(ctx(), "force");
  const restored = { ...target, image: undefined };
  await driver.create(ctx(), restored);
  running = await driver.start(ctx(), restored);
  await running.guest.waitReady(ctx());
  expect((await shell("cat first second third fourth")).stdout).toBe("first\nsecond\nthird\nfourth\n");
  const left = (await readdir(instance.directory)).filter((name) => name.startsWith("point-"));
  expect(left).toEqual([]);
});
