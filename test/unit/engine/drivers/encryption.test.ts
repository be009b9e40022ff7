/** Encrypted disks by a real qemu-img: what a user's data is found in, and which key opens what. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RunError, run } from "../../../../src/base/run.ts";
import { Secret } from "../../../../src/base/secret.ts";
import type { Ctx } from "../../../../src/engine/ctx.ts";
import type { DriverInstance } from "../../../../src/engine/drivers/driver.ts";
import { cloneFiles } from "../../../../src/engine/drivers/qemu/clone.ts";
import { createDisk, enlargeDisk, standOn } from "../../../../src/engine/drivers/qemu/disk.ts";
import {
  DISK_KEY,
  handOver,
  openedBy,
  printable,
  removeLeftKeys,
  throughDoor,
} from "../../../../src/engine/drivers/qemu/door.ts";
import { QemuDisks } from "../../../../src/engine/drivers/qemu/extra-disks.ts";
import { diskFiles, extraDiskFile, filesOf } from "../../../../src/engine/drivers/qemu/files.ts";
import { QemuEncryption } from "../../../../src/engine/drivers/qemu/rekey.ts";
import { QemuSnapshots } from "../../../../src/engine/drivers/qemu/snapshots.ts";
import { silentLog } from "../../../../src/engine/log.ts";

/** QEMU works for a second to find out how fast this host stretches keys, for each key that a disk is given. */
vi.setConfig({ testTimeout: 120_000 });

const MARKER = "the marker that no host file may hold";
const ctx: Ctx = { signal: AbortSignal.timeout(600_000), progress: () => {}, log: silentLog };
const qemuImg = async () => "qemu-img";
const disks = new QemuDisks(qemuImg);
const encryption = new QemuEncryption(qemuImg);
const snapshots = new QemuSnapshots(qemuImg, (instance) => ({ disks: diskFiles(instance), small: [] }));

let root: string;
let base: string;
const draw = () => new Secret(randomBytes(32).toString("hex"));

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-luks-"));
  base = path.join(root, "base.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", base, "16M"]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function made(name: string, key: Secret | undefined): Promise<DriverInstance> {
  const directory = path.join(root, "with, comma and space", name);
  const runDirectory = path.join(root, "run, of it");
  for (const one of [directory, runDirectory]) await mkdir(one, { recursive: true });
  const image = { path: base, format: "qcow2", sizeBytes: 1, virtualBytes: 16 * 2 ** 20 };
  const openKey = key && (async () => key);
  const own = { id: randomUUID(), name, directory, runDirectory, image, diskBytes: 32 * 2 ** 20, disks: [] };
  return { ...own, openKey } as unknown as DriverInstance;
}

async function created(name: string, key: Secret): Promise<DriverInstance> {
  const instance = await made(name, key);
  await throughDoor(instance, (door) =>
    createDisk("qemu-img", filesOf(instance).disk, instance, ctx.signal, door),
  );
  return instance;
}

/** As its guest does, through the key it is given. */
async function io(instance: DriverInstance, file: string, command: string): Promise<string> {
  return throughDoor(instance, async ({ objects, name }) => {
    const { stdout } = await run(["qemu-io", ...objects, "-c", command, name(file)]);
    return stdout;
  });
}

async function write(instance: DriverInstance, file: string, at: number): Promise<void> {
  const from = path.join(root, "pattern");
  await writeFile(from, MARKER.repeat(200).slice(0, 4096));
  await io(instance, file, `write -s ${from} ${at} 4096`);
  await rm(from);
}

/** What the guest reads there. */
const read = async (instance: DriverInstance, file: string, at: number) =>
  (await io(instance, file, `read -v ${at} 512`)).includes("the.marker");

/** Every file beneath the root that holds the marker or the text. */
async function holding(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const one of await readdir(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(one.parentPath, one.name);
    if (one.isFile() && (await readFile(file)).includes(text)) found.push(one.name);
  }
  return found;
}

test("disk, extra disk, snapshot, enlarged disk and clone hold nothing in plain text, and read it back", async () => {
  const [key, other] = [draw(), draw()];
  const web = await created("web", key);
  const { disk } = filesOf(web);
  await write(web, disk, 0);
  const data = { id: randomUUID(), name: "data", sizeBytes: 8 * 2 ** 20, slot: 0 };
  const plain = path.join(root, "plain.raw");
  await writeFile(plain, MARKER.repeat(1000));
  await disks.create(ctx, web, data, async (file) => {
    await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", plain, file]);
  });
  await rm(plain);
  const own = { ...web, disks: [data] };
  const extra = extraDiskFile(own, data);

  const id = randomUUID();
  await snapshots.take(ctx, own, id);
  await io(web, disk, "write -P 0 0 1M");
  await throughDoor(web, (door) => enlargeDisk("qemu-img", disk, 64 * 2 ** 20, ctx.signal, door));
  await disks.resize(ctx, web, data, 16 * 2 ** 20);
  await write(web, disk, 48 * 2 ** 20);
  expect([await read(web, disk, 0), await read(web, disk, 48 * 2 ** 20)]).toEqual([false, true]);
  await snapshots.restore(ctx, own, id);
  expect([await read(web, disk, 0), await read(web, extra, 0)]).toEqual([true, true]);

  const copy = { ...(await made("copy", other)), disks: [data] };
  await cloneFiles("qemu-img", own, copy, ctx.signal);
  expect([await read(copy, filesOf(copy).disk, 0), await read(copy, extraDiskFile(copy, data), 0)]).toEqual([
    true,
    true,
  ]);
  await snapshots.remove(ctx, own, id);
  expect(await holding("the marker")).toEqual([]);
  for (const secret of [key, other]) expect(await holding(secret.reveal())).toEqual([]);
});

test("an encrypted clone of a plain instance is encrypted", async () => {
  const plain = await made("plain", undefined);
  const { disk } = filesOf(plain);
  await createDisk("qemu-img", disk, plain, ctx.signal);
  await write(plain, disk, 0);
  const clone = await made("hidden", draw());
  await cloneFiles("qemu-img", plain, clone, ctx.signal);
  expect(await read(clone, filesOf(clone).disk, 0)).toBe(true);
  expect(await holding("the marker")).toEqual(["disk.qcow2"]);
  await rm(plain.directory, { recursive: true });
  expect(await holding("the marker")).toEqual([]);
});

test("another key is refused in words, and no key is not taken for a plain disk", async () => {
  const web = await created("guarded", draw());
  const wrong = { ...web, openKey: async () => draw() };
  await expect(snapshots.take(ctx, wrong, randomUUID())).rejects.toMatchObject({
    code: "wrong-state",
    message: "cannot open the encrypted disks of guarded: its key does not fit them",
  });
  const without = { ...web, openKey: undefined };
  await expect(snapshots.take(ctx, without, randomUUID())).rejects.toThrow(RunError);
  const locked = { ...web, openKey: () => Promise.reject(new Error("locked")) };
  await expect(snapshots.take(ctx, locked, randomUUID())).rejects.toThrow("locked");
  expect((await readdir(web.runDirectory)).filter((name) => name.endsWith(".key"))).toEqual([]);
});

test("its key is changed in two steps that may be repeated; afterwards the old one opens nothing", async () => {
  const [key, next] = [draw(), draw()];
  const web = await created("rotated", key);
  const { disk } = filesOf(web);
  await write(web, disk, 0);
  await snapshots.take(ctx, web, "before");
  await encryption.addKey(ctx, web, key, next);
  await encryption.addKey(ctx, web, key, next);
  const after = { ...web, openKey: async () => next };
  for (const one of [web, after]) expect(await read(one, disk, 0)).toBe(true);
  await encryption.removeKey(ctx, after, next, key);
  await encryption.removeKey(ctx, after, next, key);
  expect(await read(after, disk, 0)).toBe(true);
  await expect(read(web, disk, 0)).rejects.toThrow("its key does not fit");
  await snapshots.restore(ctx, after, "before");
  await expect(encryption.addKey(ctx, web, key, draw())).rejects.toThrow("its key does not fit");
  const { stdout } = await run(["qemu-img", "info", "--output=json", disk]);
  const info = JSON.parse(stdout) as {
    "format-specific": { data: { encrypt: { slots: { active: boolean }[] } } };
  };
  expect(info["format-specific"].data.encrypt.slots.filter(({ active }) => active)).toHaveLength(1);
});

test("it stands on its image at another place", async () => {
  const web = await created("moved", draw());
  const { disk } = filesOf(web);
  await write(web, disk, 0);
  const elsewhere = path.join(root, "else, where.qcow2");
  await run(["cp", base, elsewhere]);
  const image = { path: elsewhere, format: "qcow2", sizeBytes: 1, virtualBytes: 16 * 2 ** 20 } as const;
  await throughDoor(web, (door) => standOn("qemu-img", disk, image, ctx.signal, door));
  const { stdout } = await run(["qemu-img", "info", "--output=json", disk]);
  expect(JSON.parse(stdout)).toMatchObject({ "backing-filename": elsewhere, encrypted: true });
  expect(await read(web, disk, 0)).toBe(true);
});

test("a key is handed over sealed, in a file of this user's that goes; a log has neither", async () => {
  const key = draw();
  const web = await made("handed", key);
  const { objects, done } = await handOver(web, { [DISK_KEY]: key });
  expect(objects.join(" ")).not.toContain(key.reveal());
  const [file = ""] = (await readdir(web.runDirectory)).filter((name) => name.endsWith(".key"));
  const text = await readFile(path.join(web.runDirectory, file), "latin1");
  expect(text).not.toContain(key.reveal());
  const logged = printable(["qemu", ...objects]).join(" ");
  expect(logged).toContain("data=***");
  expect(objects.join(" ")).not.toBe(logged);
  await done();
  await handOver(web, { [DISK_KEY]: key });
  await removeLeftKeys(web);
  expect((await readdir(web.runDirectory)).filter((name) => name.endsWith(".key"))).toEqual([]);
});

test("a name with quotes and commas is one file", () => {
  expect(JSON.parse(openedBy(DISK_KEY, '/a, "b".qcow2').slice("json:".length))).toMatchObject({
    file: { driver: "file", filename: '/a, "b".qcow2' },
    encrypt: { format: "luks", "key-secret": DISK_KEY },
  });
});
