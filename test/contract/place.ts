/** What every place of a backup repository promises, held against each one by its own test file. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FILE_KINDS, type FileId, type FileKind, type Place } from "../../src/engine/backup/places/place.ts";
import { ctx } from "./driver.ts";

export type PlaceHarness = {
  place: Place;
  /** As another process opens it: the same files. */
  another(): Place;
  /** Puts a file there past the place, with a name that may be no id: `config` or `data/ab/README`, say. */
  strew(file: string, bytes: Uint8Array): Promise<void>;
  /** Leaves what a save that was killed leaves, and says whether it is still there. */
  cutOff(): Promise<() => Promise<boolean>>;
  dispose(): Promise<void>;
};

export function fileOf(kind: FileKind, bytes: Uint8Array): FileId {
  return { kind, name: createHash("sha256").update(bytes).digest("hex") };
}

export async function listed(place: Place, kind: Exclude<FileKind, "config">): Promise<Map<string, number>> {
  const files: [string, number][] = [];
  for await (const { name, sizeBytes } of place.list(ctx(), kind)) files.push([name, sizeBytes]);
  expect(new Set(files.map(([name]) => name)).size).toBe(files.length);
  return new Map(files);
}

const CONFIG: FileId = { kind: "config", name: "" };

export function describePlace(name: string, makeHarness: () => Promise<PlaceHarness>): void {
  describe(`the place ${name}`, () => {
    let harness: PlaceHarness;
    let place: Place;

    beforeAll(async () => {
      harness = await makeHarness();
      place = harness.place;
      await place.create(ctx());
    });
    afterAll(() => harness?.dispose());

    async function kept(kind: FileKind, length: number): Promise<{ file: FileId; bytes: Uint8Array }> {
      const bytes = randomBytes(length);
      const file = fileOf(kind, bytes);
      await place.save(ctx(), file, bytes);
      return { file, bytes };
    }

    test("is made once, and once more changes nothing", async () => {
      const { file, bytes } = await kept("keys", 100);
      await place.create(ctx());
      expect(Buffer.from(await place.load(ctx(), file))).toEqual(bytes);
    });

    test("keeps a file of every kind, and another sees it", async () => {
      for (const kind of FILE_KINDS) {
        const { file, bytes } = await kept(kind, 1000);
        const other = harness.another();
        expect(await other.stat(ctx(), file)).toEqual({ sizeBytes: 1000 });
        expect(Buffer.from(await other.load(ctx(), file))).toEqual(bytes);
        expect((await listed(other, kind)).get(file.name)).toBe(1000);
        other.dispose();
      }
    });

    test("gives any part of a file, and no part that is not there", async () => {
      const { file, bytes } = await kept("data", 5000);
      const part = async (offset: number, lengthBytes: number) =>
        Buffer.from(await place.load(ctx(), file, { offset, lengthBytes }));
      expect(await part(0, 5000)).toEqual(bytes);
      expect(await part(0, 1)).toEqual(bytes.subarray(0, 1));
      expect(await part(4999, 1)).toEqual(bytes.subarray(4999));
      expect(await part(1234, 999)).toEqual(bytes.subarray(1234, 2233));
      await expect(part(4999, 2)).rejects.toMatchObject({ code: "not-found" });
      await expect(part(5000, 1)).rejects.toMatchObject({ code: "not-found" });
    });

    test("knows nothing of a file that was never kept", async () => {
      for (const kind of FILE_KINDS) {
        const file = fileOf(kind, randomBytes(8));
        expect(await place.stat(ctx(), file)).toBeUndefined();
        await expect(place.load(ctx(), file)).rejects.toMatchObject({ code: "not-found" });
        await place.remove(ctx(), file);
      }
    });

    test("keeps a large file whole", async () => {
      const { file, bytes } = await kept("data", 20 * 1024 * 1024 + 17);
      const back = await place.load(ctx(), file);
      expect(back.length).toBe(bytes.length);
      expect(fileOf("data", back)).toEqual(file);
      await place.remove(ctx(), file);
    });

    test("keeps an empty file", async () => {
      const { file } = await kept("locks", 0);
      expect(await place.stat(ctx(), file)).toEqual({ sizeBytes: 0 });
      expect((await place.load(ctx(), file)).length).toBe(0);
    });

    test("keeps many at once, one of them several times", async () => {
      const all = Array.from({ length: 60 }, (_, index) => randomBytes(1 + index * 37));
      const same = all[0] as Buffer;
      await Promise.all([...all, same, same].map((bytes) => place.save(ctx(), fileOf("data", bytes), bytes)));
      const there = await listed(place, "data");
      for (const bytes of all) expect(there.get(fileOf("data", bytes).name)).toBe(bytes.length);
      await place.save(ctx(), fileOf("data", same), same);
      expect(Buffer.from(await place.load(ctx(), fileOf("data", same)))).toEqual(same);
    });

    test("lists more than fit one answer of a server", async () => {
      const all = Array.from({ length: 1100 }, (_, index) => Buffer.from(`snapshot ${index}`));
      for (let at = 0; at < all.length; at += 50)
        await Promise.all(
          all.slice(at, at + 50).map((bytes) => place.save(ctx(), fileOf("snapshots", bytes), bytes)),
        );
      const there = await listed(place, "snapshots");
      for (const bytes of all) expect(there.has(fileOf("snapshots", bytes).name)).toBe(true);
    });

    test("removes a file, and one that is not there", async () => {
      const { file } = await kept("index", 300);
      await place.remove(ctx(), file);
      await place.remove(ctx(), file);
      expect(await place.stat(ctx(), file)).toBeUndefined();
      expect((await listed(place, "index")).has(file.name)).toBe(false);
    });

    test("keeps one config and refuses another", async () => {
      expect(await place.stat(ctx(), CONFIG)).toBeUndefined();
      const first = randomBytes(155);
      await place.save(ctx(), CONFIG, first);
      await place.save(ctx(), CONFIG, first);
      await expect(place.save(ctx(), CONFIG, randomBytes(155))).rejects.toMatchObject({
        code: "already-exists",
      });
      expect(Buffer.from(await place.load(ctx(), CONFIG))).toEqual(first);
      expect(await place.stat(ctx(), CONFIG)).toEqual({ sizeBytes: 155 });
    });

    test("leaves out what is no file of a repository, and refuses to name one so", async () => {
      await harness.strew("index/README", Buffer.from("read me"));
      await harness.strew(`snapshots/${"A".repeat(64)}`, Buffer.from("not in lower case"));
      for (const kind of ["index", "snapshots"] as const)
        for (const listedName of (await listed(place, kind)).keys())
          expect(listedName).toMatch(/^[0-9a-f]{64}$/);
      for (const bad of ["", "..", "../config", `${"a".repeat(63)}/`, "A".repeat(64)])
        await expect(place.load(ctx(), { kind: "keys", name: bad })).rejects.toMatchObject({
          code: "invalid-argument",
        });
    });

    test("does nothing for one who has cancelled, and leaves no half file", async () => {
      const bytes = randomBytes(8 * 1024 * 1024);
      const file = fileOf("data", bytes);
      await expect(place.save(ctx(AbortSignal.abort()), file, bytes)).rejects.toMatchObject({
        code: "cancelled",
      });
      expect(await place.stat(ctx(), file)).toBeUndefined();

      const leaving = new AbortController();
      const saving = place.save(ctx(leaving.signal), file, bytes).catch((error: unknown) => error);
      leaving.abort();
      await saving;
      const left = await place.stat(ctx(), file);
      if (left) expect(fileOf("data", await place.load(ctx(), file))).toEqual(file);
      await expect(place.load(ctx(AbortSignal.abort()), CONFIG)).rejects.toMatchObject({ code: "cancelled" });
    });

    test("sweeps what cut-off saves have left, and nothing else", async () => {
      const { file, bytes } = await kept("data", 400);
      const isThere = await harness.cutOff();
      const before = await listed(place, "data");
      await place.sweep(ctx());
      expect(await isThere()).toBe(false);
      expect(await listed(place, "data")).toEqual(before);
      expect(Buffer.from(await place.load(ctx(), file))).toEqual(bytes);
    });

    test("is disposed of twice", () => {
      const other = harness.another();
      other.dispose();
      other.dispose();
    });
  });
}
