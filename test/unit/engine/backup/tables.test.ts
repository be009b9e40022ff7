/** What is known of millions of blobs, and what is decided from it: against the simplest thing that does the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Blob } from "../../../../src/engine/backup/repository/blob.ts";
import { BlobTable } from "../../../../src/engine/backup/repository/blob-table.ts";
import { CHUNK_BYTES } from "../../../../src/engine/backup/repository/chunks.ts";
import {
  type ChunkRun,
  chunkRuns,
  type Extent,
  type ExtentKind,
} from "../../../../src/engine/backup/repository/extents.ts";
import { hex } from "../../../../src/engine/backup/repository/ids.ts";
import { planPrune } from "../../../../src/engine/backup/repository/plan-prune.ts";
import { isIrreducible, randomPolynomial } from "../../../../src/engine/backup/repository/polynomial.ts";
import { rowsOf } from "../../../../src/engine/backup/repository/rows.ts";

/** Few first bytes and few ids, so that they meet. */
const id = fc.tuple(fc.nat(1), fc.nat(30)).map(([first, last]) => {
  const bytes = new Uint8Array(32).fill(7);
  bytes[0] = first;
  bytes[31] = last;
  return bytes;
});
const blob: fc.Arbitrary<Blob & { pack: number }> = fc.record({
  type: fc.constantFrom("data", "tree"),
  id,
  offset: fc.nat(3),
  length: fc.integer({ min: 33, max: 2 ** 31 - 1 }),
  plainBytes: fc.nat(2 ** 31 - 1),
  pack: fc.nat(3),
});

test("a table finds every place of every blob, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(blob, { maxLength: 200 }), id, (blobs, other) => {
      const table = new BlobTable();
      const model = new Map<string, Blob & { pack: number }>();
      for (const each of blobs) {
        table.add(rowsOf([each]), each.pack);
        const key = `${each.type} ${hex(each.id)} ${each.pack} ${each.offset}`;
        if (!model.has(key)) model.set(key, each);
      }
      expect(table.size).toBe(model.size);
      for (const wanted of [...blobs.map((each) => each.id), other]) {
        for (const type of ["data", "tree"] as const) {
          const found = [...table.find(type, wanted)].map((each) => ({
            ...each,
            id: hex(each.id),
            ref: undefined,
          }));
          const expected = [...model.values()].filter(
            (each) => each.type === type && hex(each.id) === hex(wanted),
          );
          expect(found).toEqual(expected.map((each) => ({ ...each, id: hex(each.id), ref: undefined })));
          expect(table.has(type, wanted)).toBe(expected.length > 0);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("a table of a hundred thousand finds each", () => {
  const table = new BlobTable();
  const ids = Array.from({ length: 100_000 }, (_, number) => {
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32BE(Math.imul(number, 2_654_435_761) >>> 0);
    bytes.writeUInt32LE(number, 16);
    return bytes;
  });
  const blobs = ids.map((each): Blob => ({ type: "data", id: each, offset: 1, length: 100, plainBytes: 0 }));
  table.add(rowsOf(blobs), 5);
  table.add(rowsOf(blobs), 5);
  expect(table.size).toBe(ids.length);
  expect(ids.every((each) => table.has("data", each))).toBe(true);
  expect(ids.some((each) => table.has("tree", each))).toBe(false);
});

async function runsOf(extents: Extent[], size: number): Promise<ChunkRun[]> {
  const runs: ChunkRun[] = [];
  const told = (async function* () {
    yield* extents;
  })();
  for await (const run of chunkRuns(told, size)) runs.push({ ...run });
  return runs;
}

describe("extents", () => {
  const kinds = fc.constantFrom<ExtentKind>("data", "zero", "same");
  const cut = fc
    .tuple(fc.boolean(), fc.nat(5), fc.nat(1023))
    .map(([whole, chunks, part]) => (whole ? chunks * CHUNK_BYTES : chunks * CHUNK_BYTES + part * 512));

  test("become runs of chunks that are what all of their bytes are", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cut, kinds, fc.boolean()), { maxLength: 8 }),
        cut,
        async (parts, tail) => {
          const extents: Extent[] = [];
          let end = 0;
          for (const [lengthBytes, kind, told] of parts) {
            if (told) extents.push({ offset: end, lengthBytes, kind });
            end += lengthBytes;
          }
          const size = end + tail;
          const kindsIn = (from: number, to: number) => {
            const inside = extents.filter(
              (each) => each.lengthBytes > 0 && each.offset < to && each.offset + each.lengthBytes > from,
            );
            const covered = inside.reduce(
              (sum, each) => sum + Math.min(to, each.offset + each.lengthBytes) - Math.max(from, each.offset),
              0,
            );
            const all = new Set<ExtentKind>(inside.map(({ kind }) => kind));
            return covered < to - from ? all.add("data") : all;
          };
          const runs = await runsOf(extents, size);
          let next = 0;
          for (const { first, count, kind } of runs) {
            expect(first).toBe(next);
            next += count;
            for (let chunk = first; chunk < next; chunk++) {
              const inside = kindsIn(chunk * CHUNK_BYTES, Math.min(size, (chunk + 1) * CHUNK_BYTES));
              expect(kind).toBe(inside.size === 1 ? [...inside][0] : "data");
            }
          }
          expect(next).toBe(Math.ceil(size / CHUNK_BYTES));
        },
      ),
    );
  });

  test("of a mostly empty disk of a tebibyte are few", async () => {
    const size = 2 ** 40;
    const extents: Extent[] = [
      { offset: 0, lengthBytes: CHUNK_BYTES, kind: "data" },
      { offset: CHUNK_BYTES, lengthBytes: size - CHUNK_BYTES, kind: "zero" },
    ];
    expect(await runsOf(extents, size)).toEqual([
      { first: 0, count: 1, kind: "data" },
      { first: 1, count: size / CHUNK_BYTES - 1, kind: "zero" },
    ]);
  });

  test("that overlap or lie beyond the end are refused", async () => {
    const extent: Extent = { offset: 0, lengthBytes: 1024, kind: "zero" };
    await expect(runsOf([extent, { ...extent, offset: 512 }], 4096)).rejects.toThrow(RangeError);
    await expect(runsOf([extent], 512)).rejects.toThrow(RangeError);
  });
});

describe("a prune's plan", () => {
  const uses = fc
    .array(fc.tuple(fc.integer({ min: 100, max: 20_000_000 }), fc.float({ min: 0, max: 1, noNaN: true })))
    .map((packs) =>
      packs.map(([sizeBytes, share], pack) => ({
        pack,
        sizeBytes,
        usedBytes: Math.floor(sizeBytes * share),
      })),
    );

  test("removes only what nobody needs, and leaves no more unused than is allowed", () => {
    fc.assert(
      fc.property(uses, fc.constantFrom(0, 0.05, 1), (packs, share) => {
        const { remove, repack } = planPrune(packs, share);
        expect([...remove].sort((a, b) => a - b)).toEqual(
          packs.filter(({ usedBytes }) => usedBytes === 0).map(({ pack }) => pack),
        );
        const gone = new Set([...remove, ...repack]);
        expect(gone.size).toBe(remove.length + repack.length);
        const used = packs.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
        const unused = packs.reduce(
          (sum, each) => sum + (gone.has(each.pack) ? 0 : each.sizeBytes - each.usedBytes),
          0,
        );
        expect(unused).toBeLessThanOrEqual(used * share + 1e-6);
      }),
    );
  });

  test("leaves alone what is all needed, be it a few small packs", () => {
    const full = { sizeBytes: 1000, usedBytes: 1000 };
    expect(planPrune([1, 2, 3].map((pack) => ({ ...full, pack })))).toEqual({ remove: [], repack: [] });
    const many = Array.from({ length: 12 }, (_, pack) => ({ ...full, pack }));
    expect(planPrune(many).repack).toHaveLength(12);
  });
});

test("polynomials have no factors, and those that have are told", () => {
  for (const known of ["25b468838dcb75", "2aa9b9da636ebf", "3da3358b4dc173"])
    expect(isIrreducible(BigInt(`0x${known}`))).toBe(true);
  for (const product of [0b101n, 0b110n, 0x25b468838dcb75n ^ 1n, 0b111n << 50n])
    expect(isIrreducible(product)).toBe(false);
  expect(randomPolynomial()).toMatch(/^[23][0-9a-f]{13}$/);
});
