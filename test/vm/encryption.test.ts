/**
 * What is written in an encrypted guest, to its disk and in its memory, is in no file of this host: while it runs,
 * suspended, in a snapshot, in a clone. On a QEMU without an operating system first, then on a real guest.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { Secret } from "../../src/base/secret.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { throughDoor } from "../../src/engine/drivers/qemu/door.ts";
import { createQemuDriver } from "../../src/engine/drivers/qemu/driver.ts";
import { filesOf } from "../../src/engine/drivers/qemu/files.ts";
import { readRunRecord } from "../../src/engine/drivers/qemu/run-record.ts";
import { memoryIn } from "../../src/engine/drivers/qemu/suspend-record.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { DEFAULT_SETTINGS } from "../../src/engine/settings.ts";
import { ctx } from "../contract/driver.ts";
import { type Berth, gone } from "../support/berth.ts";
import { bootProgram, tinyIso } from "../support/tiny-iso.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

const MARKER = "what-only-the-guest-may-know";
const SECTOR = 512;

let root: string;
let world: VmWorld;
let berth: Berth;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-enc-"));
  const tools = path.join(root, "bin");
  await mkdir(tools);
  await writeFile(path.join(tools, "secret-tool"), SECRET_TOOL);
  await chmod(path.join(tools, "secret-tool"), 0o755);
  const keychain = path.join(root, "keychain");
  await mkdir(keychain);
  world = await vmWorld({
    PATH: `${tools}${path.delimiter}${process.env["PATH"]}`,
    BERTH_TEST_KEYCHAIN: keychain,
  });
  berth = world.berth;
});
afterAll(async () => {
  await world?.dispose();
  await rm(root, { recursive: true, force: true });
});

/** Keeps each secret in a file that is named by its account. */
const SECRET_TOOL = `#!/bin/sh
for last; do :; done
file="$BERTH_TEST_KEYCHAIN/$last"
case "$1" in
  lookup) [ -e "$file" ] && cat "$file" || exit 1 ;;
  store) cat > "$file" ;;
  clear) rm -f "$file" ;;
esac
`;

async function machine(name: string, openKey?: DriverInstance["openKey"]): Promise<DriverInstance> {
  const directory = path.join(root, "with, comma", name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return {
    ...{ id: randomUUID(), name, arch: hostArch(), cpus: 1, memoryBytes: 2 ** 27, diskBytes: 2 ** 26 },
    ...{ address: "10.77.0.9", mac: "52:54:00:77:00:01", subnet: subnetAround("10.77.0.1") },
    ...{
      directory,
      runDirectory: root,
      shares: [],
      disks: [],
      networks: [],
      network: "default",
      image: undefined,
    },
    ...{ guest: "other", firmware: "bios", tpm: false, display: true },
    login: {
      ...{ user: "none", client: { privateKey: "", publicKey: "" }, host: { privateKey: "", publicKey: "" } },
    },
    openKey,
  };
}

/** On the first sector of its disk: what a BIOS loads, and so has in memory, when it says `UP`. */
async function installProgram(instance: DriverInstance): Promise<void> {
  const sector = bootProgram("UP").subarray(0, SECTOR);
  sector.write(MARKER, 100);
  sector.writeUInt16LE(0xaa55, SECTOR - 2);
  const file = path.join(root, "sector");
  await writeFile(file, sector);
  await throughDoor(instance, async ({ objects, name }) => {
    await run(["qemu-io", ...objects, "-c", `write -s ${file} 0 ${SECTOR}`, name(filesOf(instance).disk)]);
  });
  await rm(file);
}

const isUp = (instance: DriverInstance) =>
  expect
    .poll(() => readFile(filesOf(instance).serialLog, "latin1").catch(() => ""), { timeout: 60_000 })
    .toContain("UP");

/** Files beneath these directories that hold a text. */
async function holding(text: string, ...directories: string[]): Promise<string[]> {
  const all: string[] = [];
  for (const directory of directories)
    for (const one of await readdir(directory, { recursive: true, withFileTypes: true }))
      if (one.isFile()) all.push(path.join(one.parentPath, one.name));
  const { stdout } = await run(["xargs", "-0", "-r", "grep", "-laF", "--", text], {
    input: all.join("\0"),
  }).catch(() => ({ stdout: "" }));
  return stdout.split("\n").filter((file) => file !== "");
}

async function killEngine(): Promise<void> {
  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  signalProcess(pid, "SIGKILL");
  await gone(pid);
}

const driver = () => createQemuDriver({ settings: () => DEFAULT_SETTINGS });

test.runIf(hostArch() === "x86_64")(
  "a machine's disk and memory are in no file, running, adopted, suspended, resumed, in a snapshot and rekeyed",
  async () => {
    const key = new Secret(randomBytes(32).toString("hex"));
    const instance = await machine("vault", async () => key);
    const first = driver();
    await first.create(ctx(), instance);
    await installProgram(instance);
    const running = await first.start(ctx(), instance);
    await isUp(instance);
    const record = await readRunRecord(instance.directory);
    const cmdline = await readFile(`/proc/${record?.process.pid}/cmdline`, "latin1");
    expect(cmdline).toContain("disk-key");
    expect(cmdline).not.toContain(key.reveal());
    expect((await readdir(root)).filter((name) => name.endsWith(".key"))).toEqual([]);
    expect(await holding(MARKER, root)).toEqual([]);

    // The next engine adopts it, and needs the key to keep its memory.
    running.release();
    const second = driver();
    const locked = { ...instance, openKey: () => Promise.reject(new Error("the key is locked")) };
    const unable = await second.attach(ctx(), locked);
    await expect(unable?.suspend?.(ctx())).rejects.toThrow("the key is locked");
    unable?.release();
    const adopted = await second.attach(ctx(), instance);
    await adopted?.suspend?.(ctx());
    expect(await second.isSuspended?.(instance)).toBe(true);
    const memory = await readFile(memoryIn(instance.directory));
    expect(() => zstdDecompressSync(memory)).toThrow();
    expect(await holding(MARKER, root)).toEqual([]);

    await expect(second.start(ctx(), locked)).rejects.toThrow("the key is locked");
    const wrong = { ...instance, openKey: async () => new Secret(randomBytes(32).toString("hex")) };
    await expect(second.start(ctx(), wrong)).rejects.toMatchObject({
      code: "wrong-state",
      message: expect.stringContaining("its key does not fit"),
    });
    expect(await second.isSuspended?.(instance)).toBe(true);
    const resumed = await second.start(ctx(), instance);
    expect(await holding(MARKER, root)).toEqual([]);
    await resumed.stop(ctx(), "force");
    await second.snapshots?.take(ctx(), instance, "kept");
    expect(await holding(MARKER, root)).toEqual([]);
    expect(await holding(key.reveal(), root)).toEqual([]);

    // Under another key, and as the snapshot has it, it boots from that disk.
    const next = new Secret(randomBytes(32).toString("hex"));
    const rekeyed = { ...instance, openKey: async () => next };
    await second.encryption?.addKey(ctx(), instance, key, next);
    await second.encryption?.removeKey(ctx(), rekeyed, next, key);
    await second.snapshots?.restore(ctx(), rekeyed, "kept");
    await expect(second.start(ctx(), instance)).rejects.toThrow("its key does not fit");
    await rm(filesOf(instance).serialLog);
    await second.start(ctx(), rekeyed);
    await isUp(rekeyed);
    expect(await holding(MARKER, root)).toEqual([]);
    await second.delete(ctx(), rekeyed);
  },
);

test.runIf(hostArch() === "x86_64")("a plain machine's are found: the test would see it", async () => {
  const instance = await machine("open");
  const own = driver();
  await own.create(ctx(), instance);
  await installProgram(instance);
  const running = await own.start(ctx(), instance);
  await isUp(instance);
  expect(await holding(MARKER, root)).toEqual([filesOf(instance).disk]);
  await running.suspend?.(ctx());
  expect(zstdDecompressSync(await readFile(memoryIn(instance.directory))).includes(MARKER)).toBe(true);
  await own.delete(ctx(), instance);
  await rm(instance.directory, { recursive: true });
});

test.runIf(hostArch() === "x86_64")(
  "by the command: an extra disk's content, through all that is done to one",
  async () => {
    const iso = await tinyIso(path.join(root, "tiny.iso"), "UP");
    const content = path.join(berth.home, "content.raw");
    await writeFile(content, `${MARKER}\n`.repeat(1000).padEnd(2 ** 20, "\0"));
    const sizes = ["--disk", "512M", "--memory", "128M"];
    const disk = ["--extra-disk", `name=data,format=raw,from=${content}`];
    await berth.ok(["launch", "--iso", iso, "--name", "blank", "--encrypted", ...sizes, ...disk]);
    await rm(content);
    expect(await berth.ok(["info", "blank"])).toMatch(/^Encrypted: +its disks/m);
    expect(await berth.json(["keys", "status"])).toMatchObject({ state: "unlocked", protection: "keychain" });
    const nowhere = async () => expect(await holding(MARKER, berth.home)).toEqual([]);
    await nowhere();
    await killEngine();
    await berth.ok(["suspend", "blank"]);
    await nowhere();
    await killEngine();
    await berth.ok(["start", "blank"]);
    await berth.ok(["stop", "--force", "blank"]);
    await berth.ok(["snapshot", "blank", "--name", "kept"]);
    await berth.ok(["disk", "resize", "blank", "data", "64M"]);
    await berth.ok(["clone", "blank", "--name", "copy"]);
    await berth.ok(["keys", "rotate", "blank"]);
    await berth.ok(["keys", "rotate"]);
    await nowhere();
    await berth.ok(["keys", "lock"]);
    const locked = await berth.run(["start", "copy"]);
    expect(locked.stderr).toContain("Unlock it: berth keys unlock");
    await berth.ok(["keys", "unlock"]);
    await berth.ok(["restore", "blank.kept", "--destructive"]);
    for (const name of ["blank", "copy"]) await berth.ok(["start", name]);
    await nowhere();
    for (const name of ["blank", "copy"]) await berth.ok(["delete", "--purge", name]);
  },
);

/** Put together in the guest alone, so that no log of a command holds it. */
const [LEFT, RIGHT] = ["berth-marker-", "of-the-guest"];
const found = () => holding(`${LEFT}${RIGHT}`, berth.home);
const inside = (name: string, script: string) => berth.ok(["exec", name, "--", "sudo", "sh", "-ec", script]);

test("a real guest: nothing of it is found in any state, and its memory is there again afterwards", async () => {
  await berth.ok(["launch", "noble", "--name", "vault", "--encrypted", "--cloud-init", "-"], {
    input: USER_DATA,
  });
  expect(await berth.ok(["info", "vault"])).toMatch(/^Encrypted: +its disks/m);
  const write = `m=$(printf %s%s ${LEFT} ${RIGHT}); echo "$m" > /root/marker; echo "$m" > /dev/shm/marker; sync`;
  await inside("vault", write);
  await berth.ok(["disk", "add", "vault", "name=hot,size=64M"]);
  await inside("vault", `udevadm settle; dd if=/root/marker of=/dev/disk/by-id/virtio-hot conv=sync,fsync`);
  expect(await found()).toEqual([]);

  await killEngine();
  await berth.ok(["suspend", "vault"]);
  expect(await found()).toEqual([]);
  await berth.ok(["start", "vault"]);
  expect(await inside("vault", "cat /dev/shm/marker")).toBe(`${LEFT}${RIGHT}\n`);
  await berth.ok(["stop", "--force", "vault"]);
  await berth.ok(["snapshot", "vault", "--name", "kept"]);
  await berth.ok(["keys", "rotate", "vault"]);
  await berth.ok(["keys", "rotate"]);
  expect(await found()).toEqual([]);
});
