/** A process that dies after any of the steps that change a repository: what it had acknowledged is there, and work goes on. */
import { cp } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import type { Place } from "../../src/engine/backup/places/place.ts";
import { Repository } from "../../src/engine/backup/repository/repository.ts";
import type { Snapshot } from "../../src/engine/backup/repository/snapshot.ts";
import {
  backUp,
  ctx,
  fill,
  MemoryDisk,
  MIB,
  OPTIONS,
  PASSWORD,
  RepositoryWorld,
  restored,
  sumOf,
} from "../support/repository-world.ts";

let start: RepositoryWorld;
let world: RepositoryWorld;

beforeEach(async () => {
  start = await RepositoryWorld.make();
  world = await RepositoryWorld.make();
});
afterEach(() => Promise.all([start.dispose(), world.dispose()]));

/** Answers no call after so many that changed something. */
function dying(place: Place, steps: number): Place & { isDead(): boolean } {
  let left = steps;
  const alive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left <= 0) throw new Error("dead");
    return work();
  };
  const change = async (work: () => Promise<void>) => {
    await alive(work);
    left--;
  };
  return {
    name: place.name,
    connections: 1, // One step after the other.
    isDead: () => left <= 0,
    create: (own) => change(() => place.create(own)),
    save: (own, file, bytes) => change(() => place.save(own, file, bytes)),
    remove: (own, file) => change(() => place.remove(own, file)),
    sweep: (own) => change(() => place.sweep(own)),
    load: (own, file, range) => alive(() => place.load(own, file, range)),
    stat: (own, file) => alive(() => place.stat(own, file)),
    list: (own, kind) => place.list(own, kind),
    dispose: () => place.dispose(),
  };
}

/** Whether the work came to its end before the process died. */
async function lives(steps: number, work: (repository: Repository) => Promise<unknown>): Promise<boolean> {
  const place = dying(world.place, steps);
  const repository = await Repository.open(ctx(), place, new Secret(PASSWORD), OPTIONS);
  try {
    await work(repository);
    return true;
  } catch (error) {
    if (!place.isDead()) throw error;
    return false;
  }
}

async function isWhole(repository: Repository, disks: readonly [Snapshot, MemoryDisk][]): Promise<void> {
  expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
  const { snapshots } = await repository.snapshots(ctx());
  await using reader = await repository.read(ctx());
  for (const [{ id }, disk] of disks) {
    const snapshot = snapshots.find((each) => each.id === id);
    expect(snapshot && sumOf(await restored(reader, snapshot))).toBe(disk.sum);
  }
}

function disk(seed: number): MemoryDisk {
  return new MemoryDisk(fill(new Uint8Array(2 * MIB), seed));
}

test("a prune that ends anywhere has lost nothing, and the next one ends its work", async () => {
  const repository = await start.init();
  const kept: [Snapshot, MemoryDisk][] = [];
  const forgotten: Snapshot[] = [];
  // What is forgotten and what is kept shares packs, so that these are made anew.
  const shared = disk(1);
  for (let round = 0; round < 4; round++) {
    fill(shared.bytes.subarray(0, MIB), 10 + round);
    const snapshot = await backUp(repository, shared);
    if (round % 2 === 0) kept.push([snapshot, new MemoryDisk(shared.bytes.slice())]);
    else forgotten.push(snapshot);
  }
  await repository.forget(ctx(), [(forgotten[0] as Snapshot).id, (forgotten[1] as Snapshot).id]);
  let steps = 1;
  for (let done = false; !done; steps++) {
    await cp(start.place.name, world.place.name, { recursive: true, force: true });
    done = await lives(steps, (mortal) => mortal.prune(ctx(), { maxUnusedShare: 0 }));
    const next = await world.open();
    await isWhole(next, kept);
    await next.prune(ctx(), { maxUnusedShare: 0 });
    const { orphans, problems } = await next.check(ctx());
    expect({ orphans, problems }).toEqual({ orphans: 0, problems: [] });
    await world.dispose();
  }
  expect(steps).toBeGreaterThan(8); // Lock, packs, index, old index, old packs.
}, 60_000);

test("a backup that ends anywhere is nothing or whole, and the next one is", async () => {
  const repository = await start.init();
  const before = disk(1);
  const kept: [Snapshot, MemoryDisk][] = [[await backUp(repository, before), before]];
  let steps = 1;
  for (let done = false; !done; steps++) {
    await cp(start.place.name, world.place.name, { recursive: true, force: true });
    const next = disk(2);
    const made: [Snapshot, MemoryDisk][] = [];
    done = await lives(steps, async (mortal) => void made.push([await backUp(mortal, next), next]));
    await isWhole(await world.open(), [...kept, ...made]);
    await world.dispose();
  }
  expect(steps).toBeGreaterThan(5);
}, 60_000);
