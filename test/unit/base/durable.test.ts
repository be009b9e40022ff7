import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists, moveDurable, privateDirectory, writeFileDurable } from "../../../src/base/durable.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-durable-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("a written file is whole, private and alone", async () => {
  const own = path.join(directory, "a");
  await privateDirectory(own);
  await writeFileDurable(path.join(own, "f"), "one");
  await writeFileDurable(path.join(own, "f"), "two");
  expect(await readFile(path.join(own, "f"), "utf8")).toBe("two");
  expect(await readdir(own)).toEqual(["f"]);
  expect((await stat(own)).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(own, "f"))).mode & 0o777).toBe(0o600);
});

test("a failed write leaves the old file and no temporary one", async () => {
  const blocked = path.join(directory, "b", "f");
  await privateDirectory(path.join(blocked, "in the way"));
  await expect(writeFileDurable(blocked, "x")).rejects.toThrow();
  expect(await readdir(path.dirname(blocked))).toEqual(["f"]);
});

test("moving works across directories", async () => {
  await privateDirectory(path.join(directory, "c"));
  await privateDirectory(path.join(directory, "d"));
  await writeFile(path.join(directory, "c", "f"), "x");
  await moveDurable(path.join(directory, "c", "f"), path.join(directory, "d", "g"));
  expect(await exists(path.join(directory, "c", "f"))).toBe(false);
  expect(await readFile(path.join(directory, "d", "g"), "utf8")).toBe("x");
});
