/** What is read of a file in a repository, when parts of it are asked for. */
import { randomBytes } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { CachedFile } from "../../../../../src/engine/backup/files/cached-file.ts";
import { CHUNK_BYTES } from "../../../../../src/engine/backup/repository/chunks.ts";
import type { StoredFile } from "../../../../../src/engine/backup/repository/stored-file.ts";
import { silentLog } from "../../../../../src/engine/log.ts";

const content = randomBytes(10 * CHUNK_BYTES - 100);
const ctx = { signal: new AbortController().signal, progress: () => {}, log: silentLog };

let loaded: number[];
let broken: number | undefined;
let file: CachedFile;

beforeEach(() => {
  loaded = [];
  broken = undefined;
  const stored = {
    sizeBytes: content.length,
    read: async function* (_ctx: unknown, offset: number, length: number) {
      loaded.push(offset / CHUNK_BYTES);
      if (offset / CHUNK_BYTES === broken) throw new Error("it is away");
      yield content.subarray(offset, offset + length);
    },
  };
  file = new CachedFile(stored as unknown as StoredFile, ctx, 8);
});

async function reads(offset: number, length: number): Promise<void> {
  expect((await file.read(offset, length)).equals(content.subarray(offset, offset + length))).toBe(true);
}

test("what is asked for here and there is loaded, and nothing else", async () => {
  for (const piece of [7, 2, 5]) await reads(piece * CHUNK_BYTES + 10, 4096);
  await reads(5 * CHUNK_BYTES, 512);
  expect(loaded).toEqual([7, 2, 5]);
});

test("who reads on is read ahead for, up to the end, and every piece is loaded once", async () => {
  await reads(0, 4096);
  await reads(CHUNK_BYTES - 10, 20);
  expect(loaded).toEqual([0, 1]);
  await reads(CHUNK_BYTES, CHUNK_BYTES);
  expect(loaded).toEqual([0, 1, 2, 3, 4, 5]);
  for (let at = 2 * CHUNK_BYTES; at < content.length; at += CHUNK_BYTES)
    await reads(at, Math.min(CHUNK_BYTES, content.length - at));
  expect(loaded).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("what could not be read ahead is told to whoever asks for it, and asked for anew", async () => {
  broken = 3;
  await reads(0, 4096);
  await reads(CHUNK_BYTES, 4096);
  await expect(file.read(3 * CHUNK_BYTES, 4096)).rejects.toThrow("it is away");
  broken = undefined;
  await reads(3 * CHUNK_BYTES, 4096);
});
