/** Files of backups over the real engine and a real repository: an instance of its own gets the disks, and goes when it is not used. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NBD_EXPORT } from "../../src/engine/drivers/nbd-server.ts";
import { NbdClient } from "../../src/engine/drivers/qemu/points/nbd.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { readBytes } from "../support/nbd-bytes.ts";
import { showsFiles } from "../support/played-helper.ts";
import { WORKER } from "../support/repository-worker.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 512 * MIB;

let world: FakeWorld;
let engine: EngineCore;
let place: string;
let one: { repository: string; backup: string };
const data = randomBytes(3 * MIB);

beforeEach(async () => {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  place = await mkdtemp(path.join(tmpdir(), "berth-backup-files-"));
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(5 * MIB + 512, data);
  world.host.contents.set(`${engine.instances.get("web").id} disk`, content);
  const main = path.join(place, "main");
  await succeeded(engine, engine.repositories.add({ name: "main", place: main, init: true }));
  await succeeded(engine, engine.backups.create("web", { full: false, isProtected: false }));
  const [backup] = (await engine.backups.list({}, signal())).items;
  one = { repository: "main", backup: backup?.id ?? "" };
  showsFiles(world.host);
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
  await rm(place, { recursive: true, force: true });
});

const signal = () => AbortSignal.timeout(20_000);

const names = () => engine.instances.list().map(({ name }) => name);
const lentTo = (name: string) => world.host.lent.get(engine.instances.get(name).id) ?? [];
const locks = async () => (await readdir(path.join(place, "main", "locks"))).length;

test("an instance that reaches nothing shows them, and what it reads is what was backed up", async () => {
  const { target } = await succeeded(engine, engine.backups.browse(one, signal()));
  expect(engine.instances.get(target)).toMatchObject({
    ...{ name: `backup-${one.backup.slice(0, 8)}`, state: "running", network: "isolated" },
    labels: { purpose: "shows the files of a backup" },
  });
  const [disk, ...more] = lentTo(target);
  expect(more).toEqual([]);
  expect(disk).toMatchObject({ name: "lent0", slot: 0, sizeBytes: DISK_BYTES, isSealed: false });
  const client = await NbdClient.connect(disk?.socket ?? "", NBD_EXPORT);
  expect(await readBytes(client, 5 * MIB + 512, MIB)).toEqual(data.subarray(0, MIB));
  expect((await readBytes(client, 40 * MIB, MIB)).every((byte) => byte === 0)).toBe(true);
  await client.close();
  expect(engine.idle).toBe(false);
  // Whoever asks again gets the same.
  expect(await engine.backups.browse({ ...one, backup: one.backup.slice(0, 8) }, signal())).toMatchObject({
    ...{ status: "succeeded", target },
  });
  expect(await locks()).toBe(1);
});

test("when it has gone nothing of it is left, and another can be had", async () => {
  const { target } = await succeeded(engine, engine.backups.browse(one, signal()));
  const [disk] = lentTo(target);
  await succeeded(engine, engine.instances.delete(target, { purge: true }));
  while (!engine.idle) await new Promise(setImmediate);
  expect(names()).toEqual(["web"]);
  await expect(NbdClient.connect(disk?.socket ?? "", NBD_EXPORT)).rejects.toThrow();
  while ((await locks()) > 0) await new Promise(setImmediate);
  expect((await succeeded(engine, engine.backups.browse(one, signal()))).target).toBe(target);
});

test("where nothing can be shown the reason is told, and nothing is left", async () => {
  const closed = { name: "/dev/vdb1", fstype: "crypto_LUKS" };
  world.host.prints.set("lsblk --json", JSON.stringify({ blockdevices: [closed] }));
  world.host.prints.set("look() {", "");
  const failed = await ended(engine, engine.backups.browse(one, signal()));
  expect(failed).toMatchObject({
    status: "failed",
    error: {
      code: "not-supported",
      message: "cannot show the files of the backup: its disks are encrypted inside",
    },
  });
  expect(names()).toEqual(["web"]);
  expect(await locks()).toBe(0);
  expect(engine.idle).toBe(true);
});

test("one that an engine has left is removed by the next", async () => {
  const { target } = await succeeded(engine, engine.backups.browse(one, signal()));
  await world.close(engine);
  engine = await world.open();
  while (names().includes(target)) await new Promise(setImmediate);
  expect(await locks()).toBe(0);
  await succeeded(engine, engine.backups.browse(one, signal()));
});
