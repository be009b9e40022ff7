/** An instance's disk, made and enlarged by the real qemu-img, and what its failures leave behind. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunError, run } from "../../../../src/base/run.ts";
import {
  allocatedBytes,
  createDisk,
  createVariables,
  enlargeDisk,
  standOn,
} from "../../../../src/engine/drivers/qemu/disk.ts";

const MIB = 2 ** 20;
const IMG = "qemu-img";

let directory: string;
let base: string;
let disk: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-disk-"));
  await mkdir(path.join(directory, "of web"));
  base = path.join(directory, "base.qcow2");
  disk = path.join(directory, "of web", "disk.qcow2");
  await run([IMG, "create", "-q", "-f", "qcow2", base, "64M"]);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const signal = () => AbortSignal.timeout(20_000);
const left = () => readdir(path.dirname(disk));

function instanceOf(diskBytes: number, image = base) {
  const size = { sizeBytes: 200_000, virtualBytes: 64 * MIB };
  return { name: "web", diskBytes, image: { path: image, format: "qcow2", ...size } as const };
}

type Info = {
  format: string;
  "virtual-size": number;
  "backing-filename"?: string;
  "backing-filename-format"?: string;
};

async function infoOf(file: string): Promise<Info> {
  return JSON.parse((await run([IMG, "info", "--output=json", file])).stdout) as Info;
}

test("a disk is a qcow2 overlay of the asked size that names its base and the base's format", async () => {
  await createDisk(IMG, disk, instanceOf(96 * MIB), signal());
  expect(await infoOf(disk)).toMatchObject({
    format: "qcow2",
    "virtual-size": 96 * MIB,
    "backing-filename": base,
    "backing-filename-format": "qcow2",
  });
  expect(await left()).toEqual(["disk.qcow2"]);
  expect(await allocatedBytes(disk)).toBeLessThan(2 * MIB);
});

test("what the base holds is read through it, and what is written stays out of the base", async () => {
  await run(["qemu-io", "-c", "write -P 7 0 1M", base]);
  const before = await readFile(base);
  await createDisk(IMG, disk, instanceOf(64 * MIB), signal());
  await run(["qemu-io", "-c", "read -P 7 0 1M", "-c", "write -P 9 0 1M", "-c", "read -P 9 0 1M", disk]);
  expect((await readFile(base)).equals(before)).toBe(true);
});

test.each(["a, b", "a,,b=c", "a: b", "ünï 'q' \"d\"", "#%20$(id)"])(
  "a folder called %j does no harm",
  async (name) => {
    const folder = path.join(directory, name);
    await mkdir(folder);
    const image = path.join(folder, "base.qcow2");
    const file = path.join(folder, "disk.qcow2");
    await run([IMG, "create", "-q", "-f", "qcow2", image, "64M"]);
    await createDisk(IMG, file, instanceOf(64 * MIB, image), signal());
    expect(await infoOf(file)).toMatchObject({ "backing-filename": image });
    await enlargeDisk(IMG, file, 65 * MIB, signal());
    expect(await infoOf(file)).toMatchObject({ "virtual-size": 65 * MIB });
  },
);

test("a disk that is there is left as it is", async () => {
  await writeFile(disk, "mine");
  await createDisk(IMG, disk, instanceOf(96 * MIB), signal());
  expect(await readFile(disk, "utf8")).toBe("mine");
});

test("what an interrupted attempt left is written over", async () => {
  await writeFile(`${disk}.tmp`, "half of a disk");
  await createDisk(IMG, disk, instanceOf(64 * MIB), signal());
  expect(await infoOf(disk)).toMatchObject({ "virtual-size": 64 * MIB });
  expect(await left()).toEqual(["disk.qcow2"]);
});

test("a disk smaller than its image is refused, with the size to ask for", async () => {
  await expect(createDisk(IMG, disk, instanceOf(64 * MIB - 1), signal())).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringMatching(/^cannot create the disk of web: .* is less than the image's 64/),
    hint: expect.stringMatching(/^Ask for 64/),
  });
  expect(await left()).toEqual([]);
});

test("a qemu-img that is not there is a missing dependency, and no disk", async () => {
  const absent = path.join(directory, "qemu-img");
  await expect(createDisk(absent, disk, instanceOf(64 * MIB), signal())).rejects.toMatchObject({
    code: "missing-dependency",
  });
  expect(await left()).toEqual([]);
});

test("a folder that is not there is told in qemu-img's words", async () => {
  const lost = path.join(directory, "gone", "disk.qcow2");
  const attempt = createDisk(IMG, lost, instanceOf(64 * MIB), signal());
  await expect(attempt).rejects.toBeInstanceOf(RunError);
  await expect(attempt).rejects.toThrow(/No such file or directory/);
});

test("a qemu-img that fails half-way leaves no disk under its name", async () => {
  const failing = path.join(directory, "failing");
  const script =
    '#!/bin/sh\nfor a; do case $a in *.tmp) echo half > "$a";; esac; done\necho "no space" >&2\nexit 1\n';
  await writeFile(failing, script, { mode: 0o755 });
  await expect(createDisk(failing, disk, instanceOf(64 * MIB), signal())).rejects.toThrow(/no space/);
  expect(await left()).not.toContain("disk.qcow2");
  await createDisk(IMG, disk, instanceOf(64 * MIB), signal());
  expect(await left()).toEqual(["disk.qcow2"]);
});

test("a making that is called off ends at once and leaves no disk under its name", async () => {
  const slow = path.join(directory, "slow");
  await writeFile(slow, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  const controller = new AbortController();
  const attempt = createDisk(slow, disk, instanceOf(64 * MIB), controller.signal);
  setTimeout(() => controller.abort(new Error("called off")), 50);
  await expect(attempt).rejects.toThrow("called off");
  expect(await left()).toEqual([]);
});

test("a disk grows, never shrinks, and growing it again changes nothing", async () => {
  await createDisk(IMG, disk, instanceOf(64 * MIB), signal());
  await enlargeDisk(IMG, disk, 128 * MIB, signal());
  expect(await infoOf(disk)).toMatchObject({ "virtual-size": 128 * MIB, "backing-filename": base });
  const { mtimeMs } = await stat(disk);
  await enlargeDisk(IMG, disk, 128 * MIB, signal());
  await enlargeDisk(IMG, disk, 64 * MIB, signal());
  expect(await infoOf(disk)).toMatchObject({ "virtual-size": 128 * MIB });
  expect((await stat(disk)).mtimeMs).toBe(mtimeMs);
});

test("growing keeps what was written", async () => {
  await createDisk(IMG, disk, instanceOf(64 * MIB), signal());
  await run(["qemu-io", "-c", "write -P 5 63M 1M", disk]);
  await enlargeDisk(IMG, disk, 128 * MIB, signal());
  await run(["qemu-io", "-c", "read -P 5 63M 1M", "-c", "read -P 0 64M 64M", disk]);
});

test.each([
  ["is not there", undefined],
  ["is no qcow2", "not a disk at all"],
  ["is empty", ""],
])("growing a disk that %s fails and makes none", async (_what, content) => {
  if (content !== undefined) await writeFile(disk, content);
  await expect(enlargeDisk(IMG, disk, 96 * MIB, signal())).rejects.toThrow(/disk\.qcow2/);
  expect(await left()).toEqual(content === undefined ? [] : ["disk.qcow2"]);
  if (content !== undefined) expect(await readFile(disk, "utf8")).toBe(content);
});

test("the variables are copied once; what the guest wrote to them stays", async () => {
  const template = path.join(directory, "VARS.fd");
  const variables = path.join(directory, "of web", "vars.fd");
  await writeFile(template, "empty");
  await createVariables(template, variables);
  expect(await readFile(variables, "utf8")).toBe("empty");
  await writeFile(variables, "the guest's");
  await createVariables(template, variables);
  expect(await readFile(variables, "utf8")).toBe("the guest's");
  expect(await readFile(template, "utf8")).toBe("empty");
  expect(await left()).toEqual(["vars.fd"]);
});

test("without a template there are no variables", async () => {
  const variables = path.join(directory, "of web", "vars.fd");
  await expect(createVariables(path.join(directory, "none"), variables)).rejects.toMatchObject({
    code: "ENOENT",
  });
  expect(await left()).toEqual([]);
});

test("usage is what is allocated, not the size a file claims; unknown where there is no file", async () => {
  await run(["truncate", "-s", "64M", disk]);
  expect(await allocatedBytes(disk)).toBeLessThan(MIB);
  await writeFile(disk, Buffer.alloc(MIB, 1));
  expect(await allocatedBytes(disk)).toBeGreaterThanOrEqual(MIB);
  expect(await allocatedBytes(path.join(directory, "none"))).toBeUndefined();
  await expect(allocatedBytes(path.join(disk, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test("an image that is gone makes no disk", async () => {
  await rm(base);
  await expect(createDisk(IMG, disk, instanceOf(64 * MIB), signal())).rejects.toThrow(/backing image/);
  expect(await left()).not.toContain("disk.qcow2");
});

/** Only root can make a file system that is full. */
test.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "on a full disk it is told so, no disk is there, and the next attempt makes it",
  async ({ skip }) => {
    const small = path.join(directory, "small");
    await mkdir(small);
    const mounted = run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    if (!(await mounted.catch(() => undefined))) skip("this root may not mount");
    try {
      const ballast = path.join(small, "ballast");
      await writeFile(ballast, Buffer.alloc(1000 * 1024));
      const file = path.join(small, "disk.qcow2");
      await expect(createDisk(IMG, file, instanceOf(64 * MIB), signal())).rejects.toMatchObject({
        code: "no-resources",
        message: expect.stringContaining("no space left"),
      });
      expect(await readdir(small)).not.toContain("disk.qcow2");
      await rm(ballast);
      await createDisk(IMG, file, instanceOf(64 * MIB), signal());
      expect((await readdir(small)).sort()).toEqual(["disk.qcow2"]);
    } finally {
      await run(["umount", small]);
    }
  },
);

test("a disk stands on its image at another place, snapshots and all, and keeps what it holds", async () => {
  await createDisk(IMG, disk, instanceOf(96 * MIB), signal());
  await run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 64k", disk]);
  await run([IMG, "snapshot", "-c", "before", disk]);
  const elsewhere = path.join(directory, "a, b");
  await mkdir(elsewhere);
  const copy = path.join(elsewhere, "base.qcow2");
  await run(["cp", base, copy]);
  const { image } = instanceOf(0, copy);
  for (let again = 0; again < 2; again += 1) await standOn(IMG, disk, image, signal());
  await rm(base);
  expect(await infoOf(disk)).toMatchObject({ "backing-filename": copy, "virtual-size": 96 * MIB });
  await run(["qemu-io", "-f", "qcow2", "-c", "read -P 0x5a 1M 64k", disk]);
  await run([IMG, "check", "-q", disk]);
  expect((await run([IMG, "snapshot", "-l", disk])).stdout).toContain("before");
});

test("there is nothing to stand on where there is no disk yet", async () => {
  await standOn(IMG, disk, instanceOf(0).image, signal());
  expect(await left()).toEqual([]);
});
