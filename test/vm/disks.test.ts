/** Extra disks of real guests: their content through snapshots, restores, clones, suspends and hot-plugging. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { Berth, gone } from "../support/berth.ts";
import { testImage } from "../support/guest-image.ts";

type Listed = {
  disks: { id: string; name: string; sizeBytes: number; removedAt?: string; snapshots: string[] }[];
};

let berth: Berth;
let image: string;

beforeAll(async () => {
  image = `file://${(await testImage()).path}`;
  berth = await Berth.make();
});
afterAll(() => berth?.dispose());

const root = (name: string, script: string, ...args: string[]) =>
  berth.ok(["exec", name, "--", "sudo", "sh", "-ec", script, "sh", ...args]);
const device = (disk: string) => `/dev/disk/by-id/virtio-${disk}`;
const mount = (name: string, disk: string) =>
  root(name, 'mkdir -p "/mnt/$1"; mount "$2" "/mnt/$1"', disk, device(disk));
const checksum = async (name: string, disk: string) =>
  (await root(name, 'sha256sum "/mnt/$1/content"', disk)).split(" ")[0];
const listed = async (name: string) => ((await berth.json(["disk", "list", name])) as Listed).disks;
/** udev makes the link a moment after the disk has come. */
const appears = (name: string, disk: string) =>
  root(name, 'udevadm wait --timeout=60 "$1" || udevadm settle; test -b "$1"', device(disk));

let first: string | undefined;

test("a disk of the launch is the guest's under its own name, and keeps what is written", async () => {
  await berth.ok(["launch", image, "--name", "db", "--extra-disk", "name=data,size=256M"]);
  await root("db", 'mkfs.ext4 -q "$1"', device("data"));
  await mount("db", "data");
  await root("db", "head -c 50000000 /dev/urandom > /mnt/data/content; sync");
  first = await checksum("db", "data");
  expect(await berth.ok(["info", "db"])).toContain("data (256MiB)");
});

test("a running guest gets another, and larger ones", async () => {
  await berth.ok(["disk", "add", "db", "name=hot,size=128M"]);
  await appears("db", "hot");
  await root("db", 'mkfs.ext4 -q "$1"', device("hot"));
  await berth.ok(["disk", "resize", "db", "hot", "192M"]);
  const bytes = await root("db", 'blockdev --getsize64 "$1"', device("hot"));
  expect(Number(bytes)).toBe(192 * 2 ** 20);
  await mount("db", "hot");
  await root("db", "resize2fs $(readlink -f /dev/disk/by-id/virtio-hot); echo hot > /mnt/hot/content; sync");
});

test("what the guest uses is not taken away; the guest lets go of what it does not", async () => {
  const refused = await berth.run(["disk", "remove", "db", "hot"]);
  expect(refused.stderr).toContain("it is mounted at /mnt/hot");
  expect(refused.code).toBe(2);
  await root("db", "umount /mnt/hot");
  await berth.ok(["disk", "remove", "db", "hot"]);
  await root("db", 'test ! -e "$1"', device("hot"));
  await berth.ok(["disk", "recover", "db", "hot"]);
  await appears("db", "hot");
  await mount("db", "hot");
  expect(await root("db", "cat /mnt/hot/content")).toBe("hot\n");
});

test("a suspended guest goes on with the disks it had, although its engine was killed", async () => {
  await berth.ok(["suspend", "db"]);
  const denied = await berth.run(["disk", "add", "db", "1G"]);
  expect(denied.stderr).toContain("it is suspended");
  const pid = await berth.enginePid();
  if (pid !== undefined) {
    signalProcess(pid, "SIGKILL");
    await gone(pid);
  }
  await berth.ok(["start", "db"]);
  expect(await root("db", "cat /mnt/hot/content")).toBe("hot\n");
  expect(await checksum("db", "data")).toBe(first);
});

/** Its own file on this host. */
async function fileOf(name: string, disk: string): Promise<string> {
  const { info } = (await berth.json(["info", name])) as { info: Record<string, { berth: { id: string } }> };
  const { id } = (await listed(name)).find((one) => one.name === disk) ?? {};
  return path.join(berth.home, "data", "instances", info[name]?.berth.id ?? "", `disk-${id}.qcow2`);
}

test("a snapshot keeps both disks at one point, and brings both back", async () => {
  await berth.ok(["stop", "db"]);
  await berth.ok(["snapshot", "db", "--name", "clean"]);
  // Where their file systems begin.
  for (const disk of ["data", "hot"])
    await run(["qemu-io", "-f", "qcow2", "-c", "write -P 255 0 8M", await fileOf("db", disk)]);
  await berth.ok(["disk", "remove", "db", "hot"]);
  const purged = await berth.run(["disk", "purge", "db", "hot"]);
  expect(purged.stderr).toContain("the snapshots clean hold it");
  await berth.ok(["disk", "add", "db", "name=later,size=64M"]);
  await berth.ok(["restore", "db.clean", "--destructive"]);
  expect((await listed("db")).map((one) => [one.name, one.removedAt === undefined])).toEqual([
    ["data", true],
    ["hot", true],
    ["later", false],
  ]);
  await berth.ok(["disk", "purge", "db", "later"]);
});

test("a clone has copies, and a file becomes a disk after it was judged", async () => {
  const hostile = path.join(berth.home, "hostile.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", hostile]);
  const refused = await berth.run(["disk", "add", "db", `from=${hostile}`]);
  expect(refused.stderr).toContain("it needs another file below it");
  const raw = path.join(berth.home, "an image, raw.img");
  await writeFile(raw, Buffer.alloc(2 ** 20, "word from the host\n"));
  await berth.ok(["disk", "add", "db", `name=raw,format=raw,from=${raw}`]);
  await berth.ok(["clone", "db", "--name", "copy"]);
  const before = await readFile(await fileOf("db", "hot"));
  await berth.ok(["start", "copy"]);
  for (const disk of ["data", "hot"]) await mount("copy", disk);
  expect(await checksum("copy", "data")).toBe(first);
  expect(await root("copy", "cat /mnt/hot/content")).toBe("hot\n");
  expect(await root("copy", 'head -c 19 "$1"', device("raw"))).toBe("word from the host\n");
  await root("copy", "echo other > /mnt/hot/content; sync");
  expect((await readFile(await fileOf("db", "hot"))).equals(before)).toBe(true);
});
