/**
 * `npm run bench:backup`: an instance that runs is backed up by the engine, one large disk of its by restic in the same run;
 * then both again when its guest has written all over that disk. Prints a table. Boots a real guest.
 * Options: --gib N (the disk; default 20), --data N (MiB of it that are not empty; default 2048).
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "../src/base/run.ts";
import { MIB } from "../test/support/repository-world.ts";
import { USER_DATA, vmWorld } from "../test/support/vm-world.ts";
import { makeSparseDisk, scattered, writeScattered } from "./sparse-disk.ts";
import { numberOption, print, type Row, row, seconds } from "./support.ts";

const DISK_BYTES = numberOption("gib", 20) * 1024 * MIB;
const DATA_BYTES = numberOption("data", 2048) * MIB;
/** 64 MiB. */
const WRITES = 1024;

/** Writes what a file holds to the places of a disk that another one names. */
const WRITER = `import sys
disk, slots, size, content = sys.argv[1], sys.argv[2], int(sys.argv[3]), open(sys.argv[4], "rb")
with open(disk, "r+b", buffering=0) as target:
    for slot in open(slots):
        target.seek(int(slot) * size)
        target.write(content.read(size))
`;

const rows: Row[] = [];
const root = await mkdtemp(path.join(tmpdir(), "berth-bench-"));
const disk = path.join(root, "disk.raw");
const world = await vmWorld();
const { berth } = world;
try {
  await makeSparseDisk(disk, DISK_BYTES, DATA_BYTES);
  await begin();
  await compare("full backup, of its own disk, too", "≤ 1.00");
  await change();
  await compare("increment of 64 MiB", "≤ 0.10");
  await tellMemory();
} finally {
  await world.dispose();
  await rm(root, { recursive: true, force: true });
}
print(rows);

async function begin(): Promise<void> {
  await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
  const extra = `name=data,format=raw,from=${disk}`;
  const launch = ["launch", "--name", "web", "--disk", "5G", "--extra-disk", extra, "--cloud-init", "-"];
  await berth.ok(launch, { input: USER_DATA });
  await berth.ok(["repository", "init", "main", path.join(root, "ours")]);
  await restic("init");
}

async function compare(what: string, target: string): Promise<void> {
  const ours = await seconds(() => berth.ok(["backup", "create", "web"]));
  const theirs = await seconds(() => restic("backup", disk));
  rows.push(row(what, `${ours.toFixed(1)} s`, `restic ${theirs.toFixed(1)} s`, ours / theirs, target));
}

/** The same in the guest's disk and in the file that restic reads. */
async function change(): Promise<void> {
  const changes = scattered(DISK_BYTES, WRITES);
  const files = { "write.py": WRITER, slots: changes.slots.join("\n"), content: changes.bytes };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(path.join(root, name), content);
    await berth.ok(["transfer", path.join(root, name), `web:/tmp/${name}`]);
  }
  const words = ["/dev/disk/by-id/virtio-data", "/tmp/slots", String(changes.slotBytes), "/tmp/content"];
  await berth.ok(["exec", "web", "--", "sudo", "python3", "/tmp/write.py", ...words]);
  await berth.ok(["exec", "web", "--", "sh", "-c", "rm /tmp/content && sync"]);
  await writeScattered(disk, changes);
}

async function tellMemory(): Promise<void> {
  const status = await readFile(`/proc/${await berth.enginePid()}/status`, "utf8");
  const mib = Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024);
  rows.push(row("the engine's peak memory", `${mib} MiB`, "", mib / 300, "≤ 1.00 of 300 MiB"));
}

function restic(...args: string[]): Promise<unknown> {
  return run(["restic", "--no-cache", "-q", ...args], {
    env: { RESTIC_PASSWORD: "bench", RESTIC_REPOSITORY: path.join(root, "theirs") },
  });
}
