import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { FolderPlace } from "../../src/engine/backup/places/folder.ts";
import { ctx } from "./driver.ts";
import { describePlace, fileOf } from "./place.ts";

describePlace("folder", async () => {
  const root = await mkdtemp(path.join(os.tmpdir(), "berth-place-"));
  return {
    place: new FolderPlace(root),
    another: () => new FolderPlace(root),
    strew: async (file, bytes) => {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), bytes);
    },
    cutOff: async () => {
      const left = [path.join(root, "data/ab/1234.tmp"), path.join(root, "index/5678-tmp-90")];
      await mkdir(path.join(root, "data/ab"), { recursive: true });
      for (const file of left) await writeFile(file, "half");
      return async () => (await Promise.all(left.map(exists))).includes(true);
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});

describe("a folder", () => {
  let root: string;
  let place: FolderPlace;

  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), "berth-place-"));
    place = new FolderPlace(path.join(root, "repository"));
    await place.create(ctx());
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test("whose disk is gone says so, and nothing is written where it was", async () => {
    await rename(place.name, path.join(root, "unplugged"));
    await mkdir(place.name);
    const bytes = Buffer.from("pack");
    await expect(place.save(ctx(), fileOf("data", bytes), bytes)).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("mounted"),
    });
    await expect(place.list(ctx(), "snapshots")[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "not-found",
    });
    expect(await exists(path.join(place.name, "data"))).toBe(false);
  });

  test("writes a file anew that is shorter than it should be", async () => {
    const bytes = Buffer.from("a whole pack");
    const file = fileOf("data", bytes);
    await mkdir(path.join(place.name, "data", file.name.slice(0, 2)));
    await writeFile(path.join(place.name, "data", file.name.slice(0, 2), file.name), "a who");
    await place.save(ctx(), file, bytes);
    expect(await place.load(ctx(), file)).toEqual(bytes);
  });
});
