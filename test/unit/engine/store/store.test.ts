import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Operation } from "../../../../src/api/operation.ts";
import { openStore } from "../../../../src/engine/store/store.ts";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-store-"));
  file = path.join(directory, "berth.db");
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

const at = "2026-01-01T00:00:00.000Z";
const operation: Operation = {
  id: "11111111-2222-4333-8444-555555555555",
  kind: "launch",
  target: "web",
  status: "running",
  cancellable: true,
  warnings: [],
  createdAt: at,
  updatedAt: at,
};

test("commits survive, in WAL mode with full synchronisation", async () => {
  const store = await openStore(file);
  store.beginOperation({ ...operation, input: { a: 1 } });
  store.writeSettings({ x: [1], y: "z" });
  const reader = await openStore(file);
  expect(reader.interruptedOperations()).toEqual([{ ...operation, error: undefined, input: { a: 1 } }]);
  expect([reader.readSetting("x"), reader.readSetting("y"), reader.readSetting("none")]).toEqual([
    [1],
    "z",
    undefined,
  ]);
  store.undoOperation(operation.id, { code: "cancelled", message: "cancelled" });
  expect(reader.interruptedOperations()[0]?.error).toEqual({ code: "cancelled", message: "cancelled" });
  store.endOperation({ ...operation, status: "failed", error: { code: "internal", message: "no" } });
  expect(reader.interruptedOperations()).toEqual([]);
  expect(reader.endedOperations()[0]).toMatchObject({ status: "failed", error: { code: "internal" } });
  for (const suffix of ["", "-wal", "-shm"]) expect((await stat(file + suffix)).mode & 0o777).toBe(0o600);
  reader.close();
  store.close();
  store.close();
  const raw = new DatabaseSync(file);
  expect(raw.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  raw.close();
});

test.each([Buffer.alloc(0), Buffer.alloc(4096), Buffer.from("SQLite format 3\0garbage".repeat(300))])(
  "any file in its place becomes a usable database (%#)",
  async (bytes) => {
    await writeFile(file, bytes);
    const store = await openStore(file, () => new Date(at));
    store.beginOperation({ ...operation, input: {} });
    expect(store.interruptedOperations()).toHaveLength(1);
    store.close();
    const aside = (await readdir(directory)).filter((name) => name.includes(".damaged-"));
    expect(aside.length).toBe(store.problems.length);
  },
);

test("a file that cannot be opened is an error that says what to look at", async () => {
  await expect(openStore(path.join(directory, "absent", "berth.db"))).rejects.toMatchObject({
    message: expect.stringContaining("cannot open the engine's database"),
    hint: expect.stringContaining("rights"),
  });
});
