/** Points of a machine that is suspended between them: what it notes of changes goes on, as its memory does. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { FIRST_DISK, type OpenPoint, type PointDisk } from "../../src/engine/drivers/points.ts";
import { createQemuDriver } from "../../src/engine/drivers/qemu/driver.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { DEFAULT_SETTINGS } from "../../src/engine/settings.ts";
import { ctx } from "../contract/driver.ts";
import { bareInstance, told } from "../support/point-model.ts";

const driver = createQemuDriver({ settings: () => DEFAULT_SETTINGS });
let root: string;
let instance: DriverInstance;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-points-"));
  const directory = path.join(root, "bare");
  await mkdir(directory, { mode: 0o700 });
  instance = {
    ...bareInstance(randomUUID(), directory, root),
    ...{ arch: hostArch(), guest: "other", display: true, diskBytes: 2 ** 24 },
    ...{ address: "10.77.0.9", mac: "52:54:00:77:01:09", subnet: subnetAround("10.77.0.1") },
  };
});
afterAll(async () => {
  await driver.delete(ctx(), instance);
  await rm(root, { recursive: true, force: true });
});

test("increments go on over a suspend, at rest and when it runs again", async () => {
  await driver.create(ctx(), instance);
  const points = driver.points;
  if (!points) throw new Error("its disks cannot be read");
  const resting: OpenPoint = (...of) => points.open(...of);
  let before: string | undefined;
  const through = async (open: OpenPoint = resting) => {
    const id = `after-${before}`;
    const since = before === undefined ? undefined : { id: before, generations: { [FIRST_DISK]: 0 } };
    const point = await open(ctx(), instance, { id, since, keep: [] });
    const [disk] = point.disks as [PointDisk];
    const found = [point.consistency, disk.isIncrement, disk.isIncrement && (await told(disk)).length];
    await point.close(ctx(), true);
    before = id;
    return found;
  };
  const first = await driver.start(ctx(), instance);
  expect(await through(first.openPoint)).toEqual(["crash", false, false]);
  expect(await through(first.openPoint)).toEqual(["crash", true, 0]);
  await first.suspend?.(ctx());
  expect(await through()).toEqual(["offline", true, 0]);
  const again = await driver.start(ctx(), instance);
  expect(await through(again.openPoint)).toEqual(["crash", true, 0]);
  await again.suspend?.(ctx());
  expect(await through()).toEqual(["offline", true, 0]);
});
