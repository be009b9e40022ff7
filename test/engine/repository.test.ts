/** A repository that is damaged, locked, cut off or made twice; restic is not needed to see what becomes of it. */
import { rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EngineError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { FolderPlace } from "../../src/engine/backup/places/folder.ts";
import type { FileId, Place } from "../../src/engine/backup/places/place.ts";
import { JsonFiles } from "../../src/engine/backup/repository/files.ts";
import { openKeyFile } from "../../src/engine/backup/repository/key-file.ts";
import { newNode } from "../../src/engine/backup/repository/node.ts";
import { Repository } from "../../src/engine/backup/repository/repository.ts";
import type { Snapshot } from "../../src/engine/backup/repository/snapshot.ts";
import { TreeBuilder } from "../../src/engine/backup/repository/tree-builder.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import {
  backUp,
  ctx,
  fill,
  MemoryDisk,
  MIB,
  OPTIONS,
  PASSWORD,
  RepositoryWorld,
  random,
  restored,
  sumOf,
} from "../support/repository-world.ts";

let world: RepositoryWorld;

beforeEach(async () => {
  world = await RepositoryWorld.make();
});
afterEach(() => world.dispose());

function disk(seed: number, sizeBytes = 3 * MIB): MemoryDisk {
  return new MemoryDisk(fill(new Uint8Array(sizeBytes), seed));
}

/** Writes files as whoever has the key could. */
async function filesOf(place: Place): Promise<JsonFiles> {
  for await (const { name } of place.list(ctx(), "keys")) {
    const key = await openKeyFile(
      new Secret(PASSWORD),
      await place.load(ctx(), { kind: "keys", name }),
      name,
    );
    if (key) return new JsonFiles(place, key, { compressed: false });
  }
  throw new Error("no key fits");
}

test("is made once, and opens with its password alone", async () => {
  const repository = await world.init();
  await expect(world.init()).rejects.toMatchObject({ code: "already-exists" });
  await expect(Repository.open(ctx(), world.place, new Secret("other"), OPTIONS)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  const nowhere = new FolderPlace(path.join(world.root, "nowhere"));
  await expect(Repository.open(ctx(), nowhere, new Secret(PASSWORD), OPTIONS)).rejects.toMatchObject({
    code: "not-found",
  });
  expect((await world.open()).id).toBe(repository.id);
});

test("gives back any part of a disk, and its holes as holes", async () => {
  const repository = await world.init();
  const made = new MemoryDisk(fill(new Uint8Array(5 * MIB + 1000), 3).fill(0, MIB, 3 * MIB));
  const snapshot = await backUp(repository, made);
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
  const stored = await reader.open(ctx(), await reader.node(ctx(), snapshot, "/disks/0.raw"));
  const next = random(1);
  for (let time = 0; time < 20; time++) {
    const offset = Math.floor(next() * made.bytes.length);
    const length = Math.floor(next() * 2 * MIB);
    const parts: Uint8Array[] = [];
    for await (const part of stored.read(ctx(), offset, length)) parts.push(part);
    expect(Buffer.concat(parts).equals(made.bytes.subarray(offset, offset + length))).toBe(true);
  }
  const sparse = new Uint8Array(made.bytes.length);
  let holes = 0;
  for await (const piece of stored.pieces(ctx())) {
    if (piece.bytes) sparse.set(piece.bytes, piece.offset);
    else holes += piece.lengthBytes;
  }
  expect(sumOf(sparse)).toBe(made.sum);
  expect(holes).toBe(2 * MIB);
});

test("keeps what is there already once, and reads what the backup before no longer has", async () => {
  const repository = await world.init();
  const made = disk(1);
  const first = await backUp(repository, made);
  const packs = (await world.files("data")).length;
  await backUp(repository, made);
  expect(await world.files("data")).toHaveLength(packs + 1); // One more tree, for its times differ.
  await repository.forget(
    ctx(),
    (await repository.snapshots(ctx())).snapshots.map(({ id }) => id),
  );
  await repository.prune(ctx());
  expect(await world.files("data")).toEqual([]);

  // The parent's chunks are gone; an owner who calls them clean cannot know.
  await using writer = await repository.backup(ctx());
  made.readBytes = 0;
  const content = (await writer.saveFile(ctx(), made.source())).content;
  made.readBytes = 0;
  await writer.saveFile(
    ctx(),
    made.source([{ offset: 0, lengthBytes: made.bytes.length, kind: "same" }]),
    content,
  );
  expect(made.readBytes).toBe(made.bytes.length);
  expect(first.tree).toMatch(/^[0-9a-f]{64}$/);
});

test("changes the tags of a backup, and remembers which it was", async () => {
  const repository = await world.init();
  const snapshot = await backUp(repository, disk(1), { tags: ["a"] });
  const once = await repository.retag(ctx(), snapshot.id, ["b"]);
  const twice = await repository.retag(ctx(), once.id, ["c", "d"]);
  expect(twice).toMatchObject({
    tags: ["c", "d"],
    original: snapshot.id,
    tree: snapshot.tree,
    summary: snapshot.summary,
  });
  expect((await repository.snapshots(ctx())).snapshots).toEqual([twice]);
});

test("a backup that is cancelled is nothing, and the next one works", async () => {
  const repository = await world.init();
  const leaving = new AbortController();
  const writer = await repository.backup({ ...ctx(), signal: leaving.signal });
  const endless = new MemoryDisk(new Uint8Array(64 * MIB));
  let reads = 0;
  const source = {
    ...endless.source(),
    read: async (_: unknown, offset: number, into: Uint8Array) => {
      if (++reads === 20) leaving.abort();
      fill(into, offset + 1);
    },
  };
  await expect(writer.saveFile(ctx(), source)).rejects.toMatchObject({ name: "AbortError" });
  await writer[Symbol.asyncDispose]();
  expect((await repository.snapshots(ctx())).snapshots).toEqual([]);
  expect(await repository.locks(ctx())).toEqual([]);
  const made = disk(2);
  const snapshot = await backUp(repository, made);
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
});

test("a backup relies on nothing that another one has not finished", async () => {
  const repository = await world.init();
  const made = new MemoryDisk(fill(new Uint8Array(18 * MIB), 1, false));
  const first = await repository.backup(ctx(), { threads: 1 });
  await first.saveFile(ctx(), made.source());
  while (first.packs.length === 0) await setImmediate(); // A pack is there, and in no index.
  const snapshot = await backUp(repository, made);
  await first[Symbol.asyncDispose]();
  const { problems, orphans } = await repository.check(ctx());
  expect({ problems, orphans }).toEqual({ problems: [], orphans: 1 });
  await repository.prune(ctx());
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
});

test("a disk that cannot be read ends the backup with its own words", async () => {
  const repository = await world.init();
  await using writer = await repository.backup(ctx());
  const source = {
    sizeBytes: 64 * MIB,
    read: async (_: unknown, offset: number) => {
      if (offset >= 8 * MIB) throw new Error("the disk is gone");
    },
  };
  await expect(writer.saveFile(ctx(), source)).rejects.toThrow("the disk is gone");
});

test("what does not come back as it was written is in no index, and no backup is built upon it", async () => {
  const sound = await world.init();
  const made = disk(1);
  for (const kind of ["data", "index", "snapshots"] as const) {
    let isDamaged = false;
    const load: Place["load"] = async (own, file, range) => {
      const bytes = await world.place.load(own, file, range);
      if (file.kind === kind && !isDamaged) {
        isDamaged = true;
        await world.damage(path.relative(world.place.name, await fileOf(file)), bytes.length >> 1);
        return world.place.load(own, file, range);
      }
      return bytes;
    };
    const place = withOther(world.place, { load });
    const repository = await Repository.open(ctx(), place, new Secret(PASSWORD), OPTIONS);
    await expect(backUp(repository, made)).rejects.toThrow("damaged");
    expect(isDamaged).toBe(true);
    expect((await sound.snapshots(ctx())).snapshots).toEqual([]);
    const snapshot = await backUp(sound, made);
    const reader = await sound.read(ctx());
    expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
    await reader[Symbol.asyncDispose]();
    const { unreadable } = await sound.snapshots(ctx());
    await sound.forget(ctx(), [snapshot.id, ...unreadable.map(({ id }) => id)]);
    expect((await sound.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
    await sound.prune(ctx(), { maxUnusedShare: 0 });
  }
});

async function fileOf({ kind, name }: FileId): Promise<string> {
  const found = (await world.files(kind)).find((one) => one.endsWith(name));
  return path.join(world.place.name, found ?? "");
}

test("many small files are restored with few requests", async () => {
  const made = await world.init();
  const writer = await made.backup(ctx());
  const tree = new TreeBuilder();
  for (let number = 0; number < 200; number++) {
    const { content, size } = await writer.saveBytes(ctx(), Buffer.from(`file ${number}`));
    tree.put(`/folder-${number % 20}/${number}`, { ...newNode("file"), content, size });
  }
  const snapshot = await writer.commit(tree, { paths: ["/test"] });
  await writer[Symbol.asyncDispose]();

  let loads = 0;
  const load: Place["load"] = (own, file, range) => {
    if (file.kind === "data") loads++;
    return world.place.load(own, file, range);
  };
  const repository = await Repository.open(
    ctx(),
    withOther(world.place, { load }),
    new Secret(PASSWORD),
    OPTIONS,
  );
  await using reader = await repository.read(ctx());
  let files = 0;
  for await (const { path: at, node } of reader.walk(ctx(), snapshot)) {
    if (node.type !== "file") continue;
    const parts: Uint8Array[] = [];
    for await (const part of (await reader.open(ctx(), node)).read(ctx())) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe(`file ${path.basename(at)}`);
    files++;
  }
  expect(files).toBe(200);
  expect(loads).toBeLessThanOrEqual(3); // A pack for the trees, one for each thread.
});

test("work within limits is the same work", async () => {
  const repository = await world.init();
  const made = disk(1);
  const limits = { threads: 1, share: 0.8, bytesPerSecond: 1e8 };
  const writer = await repository.backup(ctx(), limits);
  const { content, size } = await writer.saveFile(ctx(), made.source());
  const tree = new TreeBuilder();
  tree.put("/disks/0.raw", { ...newNode("file"), content, size });
  const snapshot = await writer.commit(tree, { paths: ["/test"] });
  const { packs } = writer;
  await writer[Symbol.asyncDispose]();
  expect(await repository.check(ctx(), { read: { packs }, limits })).toMatchObject({
    problems: [],
    readPacks: packs.length,
  });
  await using reader = await repository.read(ctx(), limits);
  expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
});

test("on a disk that is read-only gives back what is in it", async () => {
  const made = disk(1);
  const snapshot = await backUp(await world.init(), made);
  const refuse = async () => {
    throw new EngineError("permission-denied", "cannot write: it is read-only");
  };
  const place = withOther(world.place, { save: refuse });
  const repository = await Repository.open(ctx(), place, new Secret(PASSWORD), OPTIONS);
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, snapshot))).toBe(made.sum);
  expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
  await expect(repository.backup(ctx())).rejects.toMatchObject({ code: "permission-denied" });
});

/** The place, with other ways to do some things. */
function withOther(place: Place, other: Partial<Place>): Place {
  return new Proxy(place, {
    get: (target, name) => {
      const value: unknown = Reflect.get(other, name) ?? Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Fails from the n-th save on, with the words of a full disk. */
function fillingUp(place: Place, good: number): Place {
  let saves = 0;
  const save: Place["save"] = async (own, file, bytes) => {
    if (file.kind !== "locks" && ++saves > good) throw new Error("there is no space left");
    await place.save(own, file, bytes);
  };
  return withOther(place, { save });
}

test("a place that fills up at any save leaves what was there, and the next backup works", async () => {
  const repository = await world.init();
  const kept = disk(1);
  const snapshot = await backUp(repository, kept);
  let next: Snapshot | undefined;
  let good = 0;
  for (; !next; good++) {
    const full = await Repository.open(ctx(), fillingUp(world.place, good), new Secret(PASSWORD), OPTIONS);
    next = await backUp(full, disk(10 + good, 20 * MIB)).catch((error: Error) => {
      expect(error.message).toContain("no space left");
      return undefined;
    });
    expect(await repository.locks(ctx())).toEqual([]);
  }
  expect(good).toBeGreaterThan(4); // Packs of data and of trees, an index, the snapshot.
  expect((await repository.snapshots(ctx())).snapshots.map(({ id }) => id)).toEqual([snapshot.id, next.id]);
  expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
  await repository.prune(ctx());
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, snapshot))).toBe(kept.sum);
});

describe("a damaged repository", () => {
  test("names the damaged file, whichever it is and whatever byte", async () => {
    const repository = await world.init();
    await backUp(repository, disk(1));
    await backUp(repository, disk(2));
    const next = random(7);
    for (const kind of ["data", "index", "snapshots", "keys"]) {
      for (const file of await world.files(kind)) {
        const at = Math.floor(next() * 100_000_000);
        await world.damage(file, at);
        const { problems } = await repository.check(ctx(), { read: { share: 1 } });
        expect(problems.map((problem) => problem.file).join()).toContain(path.basename(file));
        await world.damage(file, at);
      }
    }
    expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
    await world.damage("config", Math.floor(next() * 1000));
    await expect(world.open()).rejects.toThrow("config");
  });

  test("names what is missing", async () => {
    const repository = await world.init();
    await backUp(repository, disk(1));
    const [pack] = await world.files("data");
    await rm(path.join(world.place.name, pack ?? ""));
    const { problems } = await repository.check(ctx());
    expect(problems).toContainEqual({
      file: `the pack ${path.basename(pack ?? "")}`,
      problem: "it is missing",
    });
  });

  test("gives what is whole: the other backups, the other files, and says which piece it is", async () => {
    const repository = await world.init();
    const [one, two] = [disk(1), disk(2)];
    const first = await backUp(repository, one);
    const known = new Set(await world.files("data"));
    const second = await backUp(repository, two);
    const [pack] = (await world.files("data")).filter((file) => !known.has(file));
    await world.damage(pack ?? "", 1000);
    await world.damage(path.join("snapshots", first.id), 5);
    const { snapshots, unreadable } = await repository.snapshots(ctx());
    expect(snapshots.map(({ id }) => id)).toEqual([second.id]);
    expect(unreadable).toMatchObject([
      { id: first.id, error: { message: expect.stringContaining("damaged") } },
    ]);
    await using reader = await repository.read(ctx());
    expect(sumOf(await restored(reader, first))).toBe(one.sum);
    await expect(restored(reader, second)).rejects.toMatchObject({
      details: { damaged: expect.stringContaining("pack") },
    });
  });

  test("is not pruned where that could lose more", async () => {
    const repository = await world.init();
    await backUp(repository, disk(1));
    await backUp(repository, disk(2));
    const before = [...(await world.files("data")), ...(await world.files("index"))].sort();
    for (const kind of ["snapshots", "index"]) {
      const [file] = await world.files(kind);
      await world.damage(file ?? "", 3);
      await expect(repository.prune(ctx())).rejects.toThrow("damaged");
      await world.damage(file ?? "", 3);
    }
    expect([...(await world.files("data")), ...(await world.files("index"))].sort()).toEqual(before);
    const [index] = await world.files("index");
    await rm(path.join(world.place.name, index ?? ""));
    await expect(repository.prune(ctx())).rejects.toThrow("in no pack");
    expect((await world.files("data")).length).toBe(before.length - 2);
  });

  test("with a file in it that would fill the memory does not read it", async () => {
    const repository = await world.init();
    const snapshot = await backUp(repository, disk(1));
    await writeFile(path.join(world.place.name, "snapshots", "f".repeat(64)), "");
    await truncate(path.join(world.place.name, "snapshots", "f".repeat(64)), 2 ** 40);
    const { snapshots, unreadable } = await repository.snapshots(ctx());
    expect(snapshots.map(({ id }) => id)).toEqual([snapshot.id]);
    expect(unreadable).toMatchObject([{ error: { message: expect.stringContaining("bytes long") } }]);
  });

  test("with a backup that points at nothing says so", async () => {
    const repository = await world.init();
    const snapshot = await backUp(repository, disk(1));
    const files = await filesOf(world.place);
    const whole = await files.load(ctx(), { kind: "snapshots", name: snapshot.id });
    await files.save(ctx(), "snapshots", { ...(whole as object), tree: "0".repeat(64) });
    const { problems } = await repository.check(ctx());
    expect(problems).toMatchObject([{ problem: expect.stringContaining("in no pack") }]);
  });
});

describe("locks", () => {
  const foreign = {
    time: "2026-01-01T00:00:00Z",
    exclusive: true,
    hostname: "elsewhere",
    username: "me",
    pid: 1,
  };

  test("of another host are waited for, however old they are, until the user breaks them", async () => {
    const repository = await world.init();
    const files = await filesOf(world.place);
    const name = await files.save(ctx(), "locks", foreign);
    await expect(repository.backup(ctx())).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining("me@elsewhere"),
      hint: expect.stringContaining("break"),
    });
    expect(await repository.locks(ctx())).toMatchObject([{ name, hostname: "elsewhere" }]);
    expect(await repository.breakLocks(ctx(), [name])).toEqual([name]);
    await backUp(repository, disk(1));
  });

  test("that are shared let others read and add, but not prune", async () => {
    const repository = await world.init();
    const files = await filesOf(world.place);
    const name = await files.save(ctx(), "locks", { ...foreign, exclusive: false });
    await backUp(repository, disk(1));
    await expect(repository.prune(ctx())).rejects.toMatchObject({ code: "busy" });
    await repository.breakLocks(ctx(), [name]);
    await repository.prune(ctx());
  });

  test("of our own work keep a prune out, and two backups go on together", async () => {
    const repository = await world.init();
    const [one, two] = await Promise.all([repository.backup(ctx()), repository.backup(ctx())]);
    await expect(repository.prune(ctx())).rejects.toMatchObject({ code: "busy" });
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
    expect(await repository.locks(ctx())).toEqual([]);
  });

  test("of others are waited for by a prune as long as it is told, and no longer than it is wanted", async () => {
    const repository = await world.init();
    const writer = await repository.backup(ctx());
    const waits: (string | undefined)[] = [];
    const waiting = (signal: AbortSignal): Ctx => ({
      ...ctx(signal),
      progress: ({ message }) => {
        waits.push(message);
      },
    });
    const leaving = new AbortController();
    const left = repository.prune(waiting(leaving.signal), { waitMs: 600_000 });
    while (waits.length === 0) await setImmediate();
    leaving.abort();
    await expect(left).rejects.toMatchObject({ name: "AbortError" });
    await expect(repository.prune(ctx(), { waitMs: 1 })).rejects.toMatchObject({ code: "busy" });
    const pruned = repository.prune(waiting(AbortSignal.timeout(60_000)), { waitMs: 60_000 });
    while (waits.length === 1) await setImmediate();
    await writer[Symbol.asyncDispose]();
    await pruned;
    expect(waits[0]).toContain("has locked it");
    expect(await repository.locks(ctx())).toEqual([]);
  });

  test("that a process of this host has left are removed", async () => {
    const repository = await world.init();
    const files = await filesOf(world.place);
    const here = { ...foreign, hostname: os.hostname() };
    await files.save(ctx(), "locks", { ...here, pid: 2 ** 22 + 1 });
    await files.save(ctx(), "locks", { ...here, pid: process.pid });
    await repository.prune(ctx());
    expect(await repository.locks(ctx())).toEqual([]);
  });

  test("that cannot be read are somebody's", async () => {
    const repository = await world.init();
    const bytes = Buffer.from("no lock at all");
    const file: FileId = { kind: "locks", name: sumOf(bytes) };
    await world.place.save(ctx(), file, bytes);
    await expect(repository.backup(ctx())).rejects.toMatchObject({ code: "busy" });
    await repository.breakLocks(ctx());
    await backUp(repository, disk(1));
  });

  test("are renewed while the work goes on, and end it when they are gone", async () => {
    const repository = await world.init();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await using writer = await repository.backup(ctx());
      const [first] = await repository.locks(ctx());
      vi.advanceTimersByTime(5 * 60_000);
      let names: (string | undefined)[] = [];
      while (names.length !== 1 || names[0] === first?.name)
        names = (await repository.locks(ctx())).map(({ name }) => name);
      await writer.saveBytes(ctx(), Buffer.from("it goes on"));
      await repository.breakLocks(ctx());
      vi.advanceTimersByTime(5 * 60_000);
      const goOn = async () => {
        for (;;) await writer.saveBytes(ctx(), Buffer.from("it ends"));
      };
      await expect(goOn()).rejects.toMatchObject({
        code: "busy",
        message: expect.stringContaining("lock is lost"),
      });
    } finally {
      vi.useRealTimers();
    }
  });

  test("that are lost end the work before it says that it is done", async () => {
    const repository = await world.init();
    await using writer = await repository.backup(ctx());
    await repository.breakLocks(ctx());
    await expect(writer.commit(new TreeBuilder(), { paths: ["/"] })).rejects.toMatchObject({ code: "busy" });
    expect((await repository.snapshots(ctx())).snapshots).toEqual([]);
  });
});
