/**
 * `npm run bench:repository`: a disk backed up and restored, by us and by restic in the same run.
 * Prints a table. Options: --gib N (the disk; default 20), --data N (MiB of it that are not empty; default 2048).
 */
import { randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { run } from "../src/base/run.ts";
import { BlobTable } from "../src/engine/backup/repository/blob-table.ts";
import type { Extent } from "../src/engine/backup/repository/extents.ts";
import { newNode } from "../src/engine/backup/repository/node.ts";
import type { Repository } from "../src/engine/backup/repository/repository.ts";
import { rowsOf } from "../src/engine/backup/repository/rows.ts";
import type { Snapshot } from "../src/engine/backup/repository/snapshot.ts";
import { TreeBuilder } from "../src/engine/backup/repository/tree-builder.ts";
import { ctx, fileSource, MIB, RepositoryWorld } from "../test/support/repository-world.ts";
import { makeSparseDisk, scattered, writeScattered } from "./sparse-disk.ts";
import { numberOption, print, type Row, row, seconds } from "./support.ts";

const DISK_BYTES = numberOption("gib", 20) * 1024 * MIB;
const DATA_BYTES = numberOption("data", 2048) * MIB;
const WRITES = 1024;
const RESTIC_REPOSITORY = "restic-repository";

const rows: Row[] = [];
const root = await mkdtemp(path.join(tmpdir(), "berth-bench-"));
const disk = path.join(root, "disk.raw");
try {
  await makeSparseDisk(disk, DISK_BYTES, DATA_BYTES);
  const world = await RepositoryWorld.make(root);
  await bench(world);
  benchTable();
} finally {
  await rm(root, { recursive: true, force: true });
}
print(rows);

/** Allocated extents, as a disk's owner tells them. */
async function allocated(): Promise<Extent[]> {
  const { stdout } = await run(["qemu-img", "map", "-f", "raw", "--output=json", disk], {
    maxOutputBytes: 64 * MIB,
  });
  const found = JSON.parse(stdout) as { start: number; length: number; zero: boolean }[];
  return found.map(({ start, length, zero }) => ({
    offset: start,
    lengthBytes: length,
    kind: zero ? "zero" : "data",
  }));
}

async function bench(world: RepositoryWorld): Promise<void> {
  const repository = await world.init();
  await restic("init");
  const end = watch();
  let first: Snapshot | undefined;
  const extents = await allocated();
  const full = await seconds(async () => {
    first = await save(repository, extents);
  });
  const seen = end();
  const theirs = await seconds(() => restic("backup", disk));
  const speed = `${Math.round(DATA_BYTES / MIB / full)} MiB/s`;
  rows.push(
    row(
      "full backup",
      `${full.toFixed(1)} s, ${speed}`,
      `restic ${theirs.toFixed(1)} s`,
      full / theirs,
      "≤ 1.00",
    ),
  );
  rows.push(row("peak memory", `${seen.rssMib} MiB`, "", seen.rssMib / 300, "≤ 1.00 of 300 MiB"));
  rows.push(row("longest stall", `${seen.stallMs.toFixed(0)} ms`, "", seen.stallMs / 50, "≤ 1.00 of 50 ms"));
  const [ours, others] = [await sizeOf(world.place.name), await sizeOf(path.join(root, RESTIC_REPOSITORY))];
  rows.push(row("stored", `${ours} MiB`, `restic ${others} MiB`, ours / others, "≤ 1.30"));

  const dirty = await scatter();
  let second: Snapshot | undefined;
  const increment = await seconds(async () => {
    second = await save(repository, dirty, first);
  });
  const again = await seconds(() => restic("backup", disk));
  rows.push(
    row(
      "increment of 64 MiB",
      `${increment.toFixed(1)} s`,
      `restic ${again.toFixed(1)} s`,
      increment / again,
      "≤ 0.10",
    ),
  );

  const target = path.join(root, "restored.raw");
  const restore = await seconds(() => restoreTo(repository, second as Snapshot, target));
  await run(["cmp", disk, target]);
  const back = await seconds(() =>
    restic("restore", "latest", "--target", path.join(root, "restic-restored")),
  );
  rows.push(
    row("restore", `${restore.toFixed(1)} s`, `restic ${back.toFixed(1)} s`, restore / back, "≤ 1.00"),
  );
}

async function save(repository: Repository, extents: Extent[], parent?: Snapshot): Promise<Snapshot> {
  const source = await fileSource(disk);
  await using writer = await repository.backup(ctx());
  const before = parent && (await writer.node(ctx(), parent, "/disks/0.raw")).content;
  const told = async function* () {
    yield* extents;
  };
  const { content, size } = await writer.saveFile(ctx(), { ...source, extents: told }, before);
  await source.close();
  const tree = new TreeBuilder();
  tree.put("/disks/0.raw", { ...newNode("file"), content, size });
  return await writer.commit(tree, { paths: ["/bench"] });
}

async function restoreTo(repository: Repository, snapshot: Snapshot, target: string): Promise<void> {
  await using reader = await repository.read(ctx());
  const stored = await reader.open(ctx(), await reader.node(ctx(), snapshot, "/disks/0.raw"));
  const handle = await open(target, "w");
  await handle.truncate(stored.sizeBytes);
  for await (const { offset, bytes } of stored.pieces(ctx()))
    if (bytes) await handle.write(bytes, 0, bytes.length, offset);
  await handle.close();
}

/** Writes all over the disk, and tells where as a dirty bitmap would. */
async function scatter(): Promise<Extent[]> {
  const change = scattered(DISK_BYTES, WRITES);
  await writeScattered(disk, change);
  const extents: Extent[] = [];
  let end = 0;
  for (const slot of change.slots) {
    const offset = slot * change.slotBytes;
    extents.push({ offset: end, lengthBytes: offset - end, kind: "same" });
    extents.push({ offset, lengthBytes: change.slotBytes, kind: "data" });
    end = offset + change.slotBytes;
  }
  return [...extents, { offset: end, lengthBytes: DISK_BYTES - end, kind: "same" }];
}

function restic(...args: string[]): Promise<unknown> {
  return run(["restic", "--no-cache", "-q", ...args], {
    env: { RESTIC_PASSWORD: "bench", RESTIC_REPOSITORY: path.join(root, RESTIC_REPOSITORY) },
  });
}

async function sizeOf(folder: string): Promise<number> {
  const { stdout } = await run(["du", "-sm", folder]);
  return Number.parseInt(stdout, 10);
}

/** Two million blobs, as a disk of 1 TiB has them. */
function benchTable(): void {
  const before = process.memoryUsage().arrayBuffers;
  const table = new BlobTable();
  const id = new Uint8Array(32);
  for (let blob = 0; blob < 2_000_000; blob++)
    table.add(
      rowsOf([{ type: "data", id: randomFillSync(id), offset: blob, length: 100, plainBytes: 0 }]),
      blob >> 5,
    );
  const mib = Math.round((process.memoryUsage().arrayBuffers - before) / MIB);
  rows.push(row(`index of ${table.size} blobs`, `${mib} MiB`, "", mib / 300, "≤ 1.00 of 300 MiB"));
}

/** Begins to watch; what it resolves to tells the most memory and the longest stall since then. */
function watch(): () => { rssMib: number; stallMs: number } {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let rss = 0;
  delay.enable();
  const timer = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage().rss);
  }, 50);
  return () => {
    clearInterval(timer);
    delay.disable();
    return { rssMib: Math.round(rss / MIB), stallMs: delay.max / 1e6 };
  };
}
