/** Packs, index files and JSON as they lie in a repository: any byte that is changed is noticed, whoever changed it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { newMasterKey, seal, unseal } from "../../../../src/engine/backup/repository/crypt.ts";
import { hex, sha256 } from "../../../../src/engine/backup/repository/ids.ts";
import { indexBytes, parseIndex } from "../../../../src/engine/backup/repository/index-file.ts";
import { Jobs } from "../../../../src/engine/backup/repository/jobs.ts";
import { makeKeyFile, openKeyFile } from "../../../../src/engine/backup/repository/key-file.ts";
import { OpenPack, parseHeader, readPack } from "../../../../src/engine/backup/repository/pack.ts";
import { blobsIn, rowsOf } from "../../../../src/engine/backup/repository/rows.ts";
import { parseSnapshot } from "../../../../src/engine/backup/repository/snapshot.ts";
import { sealJson, unsealJson } from "../../../../src/engine/backup/repository/unpacked.ts";
import { compress } from "../../../../src/engine/backup/repository/zstd.ts";

const key = newMasterKey();

/** What the work does with it, or the error that it throws: never another kind of failure. */
function orDamaged<T>(work: () => T): T | EngineError {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    return error as EngineError;
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] as number) ^ (1 << (at % 8));
  return changed;
}

function packOf(texts: Uint8Array[], compressed: boolean) {
  const pack = new OpenPack(key, "data");
  for (const text of texts)
    pack.add(
      compressed
        ? { id: sha256(text), text: compress(text), plainBytes: text.length }
        : { id: sha256(text), text, plainBytes: 0 },
    );
  const { buffer, sizeBytes, name, rows } = pack.finish();
  return { name, rows, bytes: new Uint8Array(buffer, 0, sizeBytes).slice() };
}

test("a seal opens with its key alone, and with every byte in place", () => {
  const text = Buffer.from("what nobody else should read");
  const sealed = seal(key, text);
  expect(sealed.length).toBe(text.length + 32);
  expect(unseal(key, sealed)).toEqual(text);
  expect(unseal(newMasterKey(), sealed)).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) expect(unseal(key, flipped(sealed, at))).toBeUndefined();
  expect(unseal(key, sealed.subarray(1))).toBeUndefined();
  expect(unseal(key, new Uint8Array(31))).toBeUndefined();
});

describe("a pack", () => {
  const texts = [Buffer.from("first"), Buffer.alloc(2000, 7), Buffer.from([0])];

  test.each([true, false])("says what it holds, compressed: %s", (compressed) => {
    const { bytes, rows, name } = packOf(texts, compressed);
    const blobs = readPack(key, bytes, "the pack");
    expect(blobs.map(({ id }) => hex(id))).toEqual(texts.map((text) => hex(sha256(text))));
    expect(rowsOf(blobs)).toEqual(rows);
    expect(new Jobs(key, { compressed: true }).checkPack({ name, bytes, rows }).answer.problems).toEqual([]);
  });

  test("of which any byte is changed has a problem, even under the name of what it is now", () => {
    const { bytes, rows, name } = packOf(texts, true);
    const jobs = new Jobs(key, { compressed: true });
    for (let at = 0; at < bytes.length; at++) {
      const changed = flipped(bytes, at);
      expect(jobs.checkPack({ name, bytes: changed, rows }).answer.problems).not.toEqual([]);
      expect(
        jobs.checkPack({ name: hex(sha256(changed)), bytes: changed, rows }).answer.problems,
      ).not.toEqual([]);
    }
    for (let length = 0; length < bytes.length; length++)
      expect(jobs.checkPack({ name, bytes: bytes.subarray(0, length), rows }).answer.problems).not.toEqual(
        [],
      );
  });

  test("that lacks what the index has in it has a problem", () => {
    const { bytes, name } = packOf(texts, true);
    const other = packOf([Buffer.from("other")], true);
    const { problems } = new Jobs(key, { compressed: true }).checkPack({
      name,
      bytes,
      rows: other.rows,
    }).answer;
    expect(problems.join()).toContain(hex(sha256(Buffer.from("other"))));
  });

  test("whose list is anything at all is read or damaged", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (header) => {
        orDamaged(() => parseHeader(header, "the pack"));
        orDamaged(() =>
          readPack(key, Buffer.concat([seal(key, header), Buffer.of(32 + header.length, 0, 0, 0)]), "it"),
        );
      }),
    );
  });

  test("with a piece that unpacks to more than it says is not unpacked", () => {
    const bomb = compress(Buffer.alloc(50_000_000));
    const pack = new OpenPack(key, "data");
    pack.add({ id: sha256(Buffer.from("x")), text: bomb, plainBytes: 1000 });
    const { buffer, sizeBytes, name, rows } = pack.finish();
    const jobs = new Jobs(key, { compressed: true });
    const bytes = new Uint8Array(buffer, 0, sizeBytes);
    expect(orDamaged(() => jobs.open({ name, bytes, start: 0, rows }))).toMatchObject({
      message: expect.stringContaining("unpacks to more than 1000 bytes"),
    });
  });
});

describe("JSON", () => {
  test.each([true, false])("comes back, compressed: %s", (compressed) => {
    expect(unsealJson(key, sealJson(key, '{"a":["é"]}', { compressed }), "it")).toEqual({ a: ["é"] });
  });

  test("that is anything at all is read or damaged", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        (text) => void orDamaged(() => unsealJson(key, seal(key, text), "it")),
      ),
    );
  });

  test("that would fill the memory is damaged", () => {
    const bomb = Buffer.concat([Buffer.of(2), compress(Buffer.alloc(100 * 1024 * 1024, 0x20))]);
    expect(orDamaged(() => unsealJson(key, seal(key, bomb), "it"))).toBeInstanceOf(EngineError);
  });

  test("of an index comes back as rows", () => {
    const blob = {
      type: "tree" as const,
      id: sha256(Buffer.from("x")),
      offset: 5,
      length: 100,
      plainBytes: 300,
    };
    const packs = [
      { name: "ab".repeat(32), rows: rowsOf([blob, { ...blob, type: "data", plainBytes: 0 }]) },
      { name: "cd".repeat(32), rows: rowsOf([]) },
    ];
    const back = parseIndex(
      key,
      indexBytes(key, { packs, supersedes: ["0".repeat(64)] }, { compressed: true }),
      "it",
    );
    expect(back.map(({ name }) => name)).toEqual(packs.map(({ name }) => name));
    expect(back.map(({ rows }) => [...blobsIn(rows)].map((each) => ({ ...each, id: hex(each.id) })))).toEqual(
      packs.map(({ rows }) => [...blobsIn(rows)].map((each) => ({ ...each, id: hex(each.id) }))),
    );
  });

  test.each([
    { packs: [{ id: "../../etc", blobs: [] }] },
    {
      packs: [{ id: "a".repeat(64), blobs: [{ id: "a".repeat(64), type: "data", offset: -1, length: 50 }] }],
    },
    { packs: [{ id: "a".repeat(64), blobs: [{ id: "a".repeat(64), type: "data", offset: 0, length: 5 }] }] },
    {
      packs: [
        { id: "a".repeat(64), blobs: [{ id: "a".repeat(64), type: "data", offset: 0, length: 2 ** 31 - 1 }] },
      ],
    },
    { packs: [{ id: "a".repeat(64), blobs: [{ id: "a".repeat(64), type: "gold", offset: 0, length: 50 }] }] },
    { packs: "none" },
    [],
  ])("of an index that cannot be is damaged: %j", (json) => {
    const bytes = sealJson(key, JSON.stringify(json), { compressed: false });
    expect(orDamaged(() => parseIndex(key, bytes, "it"))).toBeInstanceOf(EngineError);
  });

  test("of an index is read whatever its order, its space and what else is in it", () => {
    const id = "ab".repeat(32);
    const text = ` { "x" : {"packs":[{}]} , "packs" : [ { "blobs" : [ { "length" : 50 , "y":[1,"]"], "offset":0,
      "type" : "data", "id" : "${id}" } ] , "id" : "${id}", "z": -1.5e3 } , {"id":"${id}","blobs":null} ] , "w":null } `;
    const [pack, empty] = parseIndex(key, seal(key, Buffer.from(text.trimStart())), "it");
    expect(pack?.name).toBe(id);
    expect([...blobsIn(pack?.rows ?? rowsOf([]))].map((blob) => ({ ...blob, id: hex(blob.id) }))).toEqual([
      { type: "data", id, offset: 0, length: 50, plainBytes: 0 },
    ]);
    expect(empty?.rows.length).toBe(0);
  });

  test("of an index that is anything at all is read or damaged", () => {
    const good = indexBytes(
      key,
      {
        packs: [
          {
            name: "ab".repeat(32),
            rows: rowsOf([{ type: "data", id: sha256(Buffer.of(1)), offset: 0, length: 40, plainBytes: 9 }]),
          },
        ],
        supersedes: [],
      },
      { compressed: false },
    );
    const text = unseal(key, good) as Uint8Array;
    const mutated = fc.tuple(fc.nat(text.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = Uint8Array.from(text);
      changed[at] = byte;
      return changed;
    });
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 60 }),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (bytes) => {
          const read = orDamaged(() => parseIndex(key, seal(key, bytes), "it"));
          if (Array.isArray(read)) for (const { name } of read) expect(name).toMatch(/^[0-9a-f]{64}$/);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("of a backup that is anything at all is read or damaged", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => void orDamaged(() => parseSnapshot("a".repeat(64), json))),
    );
    const good = { time: "2026-11-30T10:00:00Z", tree: "a".repeat(64), paths: null };
    expect(parseSnapshot("b".repeat(64), good)).toMatchObject({
      paths: [],
      tags: [],
      timeMs: Date.UTC(2026, 10, 30, 10),
    });
    for (const bad of [{ tree: "../x" }, { time: "now" }, { tags: "a" }, { paths: [1] }])
      expect(orDamaged(() => parseSnapshot("b".repeat(64), { ...good, ...bad }))).toBeInstanceOf(EngineError);
  });
});

describe("a key's file", () => {
  test("opens with its password alone", async () => {
    const bytes = await makeKeyFile(new Secret("right"), key);
    const opened = await openKeyFile(new Secret("right"), bytes, "the key");
    expect(Object.values(opened ?? {}).map(hex)).toEqual(Object.values(key).map(hex));
    expect(await openKeyFile(new Secret("wrong"), bytes, "the key")).toBeUndefined();
  });

  test.each([
    { N: 2 ** 40 },
    { N: 3 },
    { r: 2 ** 20 },
    { p: 10_000 },
    { kdf: "argon2" },
    { salt: "%" },
    { N: "many" },
  ])("that asks for %j is refused before it costs anything", async (bad) => {
    const good = JSON.parse(Buffer.from(await makeKeyFile(new Secret("right"), key)).toString()) as object;
    const bytes = Buffer.from(JSON.stringify({ ...good, ...bad }));
    await expect(openKeyFile(new Secret("right"), bytes, "the key")).rejects.toThrow("damaged");
  });
});
