/**
 * Backs a changing disk up again and again until it is killed, forgetting and pruning now and then. It says what it has
 * been told: `kept ID SUM` when a backup is acknowledged, `forgetting ID` before one is given up.
 */
import { Secret } from "../../src/base/secret.ts";
import { FolderPlace } from "../../src/engine/backup/places/folder.ts";
import { CHUNK_BYTES } from "../../src/engine/backup/repository/chunks.ts";
import type { Extent } from "../../src/engine/backup/repository/extents.ts";
import { Repository } from "../../src/engine/backup/repository/repository.ts";
import { backUp, ctx, fill, MemoryDisk, MIB, OPTIONS, PASSWORD, random } from "./repository-world.ts";

const DISK_BYTES = 24 * MIB;
const KEEP = 4;

const [root = "", seed = "1"] = process.argv.slice(2);
const next = random(Number(seed));
const repository = await Repository.open(ctx(), new FolderPlace(root), new Secret(PASSWORD), OPTIONS);
const disk = new MemoryDisk(fill(new Uint8Array(DISK_BYTES), Number(seed)));
console.log("ready");

let parent = await keep();
for (let round = 1; ; round++) {
  const dirty = Math.floor((next() * DISK_BYTES) / CHUNK_BYTES) * CHUNK_BYTES;
  fill(disk.bytes.subarray(dirty, dirty + CHUNK_BYTES), Number(seed) * 1000 + round);
  parent = await keep([
    { offset: 0, lengthBytes: dirty, kind: "same" },
    { offset: dirty, lengthBytes: CHUNK_BYTES, kind: "data" },
    { offset: dirty + CHUNK_BYTES, lengthBytes: DISK_BYTES - dirty - CHUNK_BYTES, kind: "same" },
  ]);
  if (round % 3 > 0) continue;
  const { snapshots } = await repository.snapshots(ctx());
  for (const { id } of snapshots.slice(0, -KEEP)) {
    console.log(`forgetting ${id}`);
    await repository.forget(ctx(), [id]);
  }
  await repository.prune(ctx(), { maxUnusedShare: 0 });
  console.log("pruned");
}

async function keep(extents?: Extent[]) {
  const snapshot = await backUp(repository, disk, extents ? { extents, parent } : {});
  console.log(`kept ${snapshot.id} ${disk.sum}`);
  return snapshot;
}
