/** Stock restic and we on the same repositories, after every kind of work. */
import { mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { hex, sha256 } from "../../src/engine/backup/repository/ids.ts";
import { newNode, unixMode } from "../../src/engine/backup/repository/node.ts";
import { Repository } from "../../src/engine/backup/repository/repository.ts";
import { treeText } from "../../src/engine/backup/repository/tree.ts";
import { TreeBuilder } from "../../src/engine/backup/repository/tree-builder.ts";
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

/** Each call of restic stretches a key, which it makes as costly as half a second allows. */
vi.setConfig({ testTimeout: 90_000 });

let world: RepositoryWorld;

beforeEach(async () => {
  world = await RepositoryWorld.make();
});
afterEach(() => world.dispose());

/** Data, a hole, data, and an end that fills no chunk. */
function disk(seed: number, sizeBytes = 5 * MIB, alike = true): MemoryDisk {
  const bytes = fill(new Uint8Array(sizeBytes + 4096), seed, alike);
  return new MemoryDisk(bytes.fill(0, 2 * MIB, 4 * MIB));
}

/** Restores by restic, and the bytes of the disk in it. */
async function restoredByRestic(id: string): Promise<Buffer> {
  const target = path.join(world.root, `restored-${id.slice(0, 8)}`);
  await world.restic("restore", id, "--target", target);
  return readFile(path.join(target, "disks/0.raw"));
}

test("restic reads what we have written, and we go on when it has pruned", async () => {
  await world.init();
  // More than a pack holds, by one thread.
  const repository = await world.open({ limits: { threads: 1 } });
  const first = disk(1, 22 * MIB, false);
  const snapshot = await backUp(repository, first, { tags: ["weekly"] });
  await world.resticIsContent();
  expect(await world.restic("ls", snapshot.id)).toContain("/disks/0.raw");
  expect((await restoredByRestic(snapshot.id)).equals(first.bytes)).toBe(true);
  expect(await world.restic("dump", snapshot.id, "/instance.json")).toBe('{"name":"test"}');
  expect(JSON.parse(await world.restic("snapshots", "--json"))).toMatchObject([
    { id: snapshot.id, tags: ["weekly"] },
  ]);

  // One chunk of the disk changes, and its owner knows it.
  fill(first.bytes.subarray(10 * MIB, 10 * MIB + 1000), 99);
  first.readBytes = 0;
  const next = await backUp(repository, first, {
    parent: snapshot,
    extents: [
      { offset: 0, lengthBytes: 10 * MIB, kind: "same" },
      { offset: 10 * MIB, lengthBytes: 65_536, kind: "data" },
      { offset: 10 * MIB + 65_536, lengthBytes: 12 * MIB + 4096 - 65_536, kind: "same" },
    ],
  });
  expect(first.readBytes).toBe(MIB / 2);
  await world.resticIsContent();
  expect((await restoredByRestic(next.id)).equals(first.bytes)).toBe(true);

  await world.restic("forget", snapshot.id, "--prune");
  const last = await backUp(repository, first, {
    parent: next,
    extents: [{ offset: 0, lengthBytes: first.bytes.length, kind: "same" }],
  });
  await world.resticIsContent();
  await using reader = await repository.read(ctx());
  expect(sumOf(await restored(reader, last))).toBe(first.sum);
});

test("we forget and prune, and restic finds all that is left", async () => {
  const repository = await world.init();
  const [one, two] = [disk(1), disk(2)];
  const first = await backUp(repository, one);
  const second = await backUp(repository, two);
  await repository.forget(ctx(), [first.id]);
  const before = (await world.files("data")).length;
  const result = await repository.prune(ctx(), { maxUnusedShare: 0 });
  expect(result.freedBytes).toBeGreaterThan(MIB);
  expect((await world.files("data")).length).toBeLessThan(before);
  await world.resticIsContent();
  expect((await restoredByRestic(second.id)).equals(two.bytes)).toBe(true);
  expect(await repository.prune(ctx(), { maxUnusedShare: 0 })).toMatchObject({
    removedPacks: 0,
    repackedPacks: 0,
  });
  expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
});

test("we read what restic has written, prune it, and restic goes on", async () => {
  const source = path.join(world.root, "source");
  await mkdir(path.join(source, "folder", "empty"), { recursive: true });
  await writeFile(path.join(source, "folder", 'quote " and \\ ü'), "small", { mode: 0o640 });
  await writeFile(Buffer.from(`${source}/bad\xff`, "latin1"), "name of bytes");
  await writeFile(path.join(source, "large"), fill(new Uint8Array(3 * MIB), 5));
  await writeFile(path.join(source, "sparse"), "end");
  await truncate(path.join(source, "sparse"), 3 * MIB);
  await symlink("../elsewhere", path.join(source, "link"));
  await world.restic("init");
  await world.restic("backup", "source");
  await writeFile(path.join(source, "large"), fill(new Uint8Array(3 * MIB), 6));
  await world.restic("backup", "source", "--tag", "second");

  const repository = await world.open();
  const { snapshots, unreadable } = await repository.snapshots(ctx());
  expect(unreadable).toEqual([]);
  expect(snapshots.map(({ tags }) => tags)).toEqual([[], ["second"]]);
  const [old, snapshot] = snapshots;
  if (!old || !snapshot) throw new Error("restic has made no backups");
  {
    await using reader = await repository.read(ctx());
    const seen: string[] = [];
    for await (const { path: at, node } of reader.walk(ctx(), snapshot)) {
      seen.push(at);
      const real = Buffer.concat([
        Buffer.from(world.root),
        Buffer.from(at.replace("\udcff", "\xff"), "latin1"),
      ]);
      if (node.subtree)
        expect(hex(sha256(treeText(await reader.ls(ctx(), snapshot, at))))).toBe(node.subtree);
      if (node.type === "symlink") expect(node.linkTarget).toBe("../elsewhere");
      if (node.type !== "file" || at.includes("ü")) continue;
      expect(unixMode(node)).toBe((await stat(real)).mode & 0o7777);
      expect(await restored(reader, snapshot, at)).toEqual(await readFile(real));
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        "/source/folder/empty",
        '/source/folder/quote " and \\ ü',
        "/source/bad\udcff",
      ]),
    );
    expect(await restored(reader, snapshot, '/source/folder/quote " and \\ ü')).toEqual(Buffer.from("small"));

    // Any part of a file that restic has cut where it liked.
    const large = await readFile(path.join(source, "large"));
    const stored = await reader.open(ctx(), await reader.node(ctx(), snapshot, "/source/large"));
    for (const [offset, length] of [
      [0, 1],
      [MIB - 3, 1 * MIB],
      [3 * MIB - 5, 5],
      [3 * MIB - 5, 500],
    ] as const) {
      const parts: Uint8Array[] = [];
      for await (const part of stored.read(ctx(), offset, length)) parts.push(part);
      expect(Buffer.concat(parts).equals(large.subarray(offset, offset + length))).toBe(true);
    }
  }
  expect((await repository.check(ctx(), { read: { share: 1 } })).problems).toEqual([]);
  await repository.forget(ctx(), [old.id]);
  await repository.prune(ctx(), { maxUnusedShare: 0 });
  await world.resticIsContent();
  await world.restic("backup", "source");
  expect((await repository.snapshots(ctx())).snapshots).toHaveLength(2);
  expect((await repository.check(ctx())).problems).toEqual([]);
});

test("a tree with names of every kind, and nothing compressed, is the same tree to restic", async () => {
  await world.init();
  const repository = await world.open({ compressed: false });
  const writer = await repository.backup(ctx());
  const tree = new TreeBuilder();
  const names = ['a"b\\', "new\nline", "bad\udcff\udcfe", "<&>", "\u2028\u200b", "😀", "z", "\uffff"];
  for (const name of names) {
    const { content, size } = await writer.saveBytes(ctx(), Buffer.from(name));
    tree.put(`folder/${name}`, { ...newNode("file", { unixMode: 0o644 }), content, size });
  }
  tree.put("link", { ...newNode("symlink", { unixMode: 0o777 }), linkTarget: "folder/<z>" });
  const snapshot = await writer.commit(tree, { paths: ["/names"] });
  await writer[Symbol.asyncDispose]();
  await world.resticIsContent();
  const target = path.join(world.root, "out");
  await world.restic("restore", snapshot.id, "--target", target);
  const restoredNames = await readdir(Buffer.from(path.join(target, "folder")), { encoding: "buffer" });
  expect(restoredNames).toHaveLength(names.length);
  expect(restoredNames.map(String).sort()).toContain("new\nline");

  // Restic backs up what it has restored: a tree of the same names and contents is known to it already.
  const again = await world.restic("backup", "--json", path.join(target, "folder"));
  const summary = JSON.parse(again.trim().split("\n").at(-1) ?? "{}") as { data_blobs: number };
  expect(summary.data_blobs).toBe(0);
});

test("passwords are added, changed and removed, and restic opens with each that is there", async () => {
  const repository = await world.init();
  const second = await repository.addKey(ctx(), new Secret("second"));
  const opened = await Repository.open(ctx(), world.place, new Secret("second"), OPTIONS);
  expect(opened.id).toBe(repository.id);
  expect((await opened.keys(ctx())).filter(({ isOwn }) => isOwn).map(({ name }) => name)).toEqual([second]);
  expect(await world.restic("key", "list", "--json")).toContain(second.slice(0, 8));
  await expect(opened.removeKey(ctx(), second)).rejects.toMatchObject({ code: "wrong-state" });
  await opened.changePassword(ctx(), new Secret("third"));
  await expect(Repository.open(ctx(), world.place, new Secret("second"), OPTIONS)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  await repository.removeKey(ctx(), (await opened.keys(ctx())).find(({ isOwn }) => isOwn)?.name ?? "");
  await expect(Repository.open(ctx(), world.place, new Secret("third"), OPTIONS)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  expect((await Repository.open(ctx(), world.place, new Secret(PASSWORD), OPTIONS)).id).toBe(repository.id);
  await world.resticIsContent();
});
