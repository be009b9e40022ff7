/** A VM as one file: comes back as it was, is read by tar, and no byte of it can be another. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import tar from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { vmFileKind } from "../../../../src/api/vm-file.ts";
import { EngineError } from "../../../../src/base/errors.ts";
import { exactly } from "../../../../src/base/read-exactly.ts";
import { run } from "../../../../src/base/run.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { formatDefinition } from "../../../../src/engine/backup/definition.ts";
import { diskEntry } from "../../../../src/engine/backup/portable/layout.ts";
import { PortableReader } from "../../../../src/engine/backup/portable/read.ts";
import { formatMap, readMap, segmentsOf } from "../../../../src/engine/backup/portable/sparse.ts";
import { withSum } from "../../../../src/engine/backup/portable/summed.ts";
import { type PortableVm, writePortable } from "../../../../src/engine/backup/portable/write.ts";
import type { Extent } from "../../../../src/engine/drivers/points.ts";
import { pointCtx } from "../../../support/point-model.ts";

const MIB = 2 ** 20;
const DISK = "0b2f7a9e-3c1d-4e5f-8a6b-7c8d9e0f1a2b";

const definition = formatDefinition({
  ...{ version: 1, kind: "vm", id: "36a98c95-eead-4d86-8510-de96f72b20ab", name: "web", arch: "x86_64" },
  ...{ cpus: 1, memoryBytes: 2 ** 30, diskBytes: 8 * MIB, guest: "linux", firmware: "bios", tpm: false },
  ...{ display: false, network: "default", labels: {}, createdAt: "2026-11-30T12:00:00.000Z" },
  image: { reference: "24.04", os: "Ubuntu", release: "24.04 LTS", version: "20261101" },
  ...{ encrypted: false, user: "ubuntu", keys: [] },
  disks: [{ id: DISK, name: "data", sizeBytes: MIB }],
});

/** Zeros but for these. */
function diskOf(id: string, sizeBytes: number, filled: readonly (readonly [offset: number, text: string])[]) {
  const content = Buffer.alloc(sizeBytes);
  for (const [offset, text] of filled) content.write(text, offset);
  const read: PortableVm["disks"][number]["read"] = async (_ctx, offset, into) =>
    into.set(content.subarray(offset, offset + into.length));
  const extents = async function* (): AsyncGenerator<Extent> {
    for (const [offset] of filled) yield { offset: offset - (offset % 65_536), length: 65_536, zero: false };
  };
  return { id, sizeBytes, read, extents, content };
}

const first = () =>
  diskOf("disk", 8 * MIB, [
    [0, "boot"],
    [3 * MIB + 5, "in the middle"],
  ]);
const second = () => diskOf(DISK, MIB, [[MIB - 65_536, "at its end"]]);
const vm = () => ({
  definition,
  small: [{ name: "variables", bytes: Buffer.from("of UEFI") }],
  disks: [first(), second()],
});

const written = (passphrase?: Secret, what: PortableVm = vm()) =>
  buffer(writePortable(pointCtx(), what, passphrase));

async function* inChunks(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Read = { small: Map<string, string>; disks: Map<string, Buffer> };

async function readAll(bytes: Buffer, passphrase?: Secret, chunk?: number): Promise<Read> {
  const file = await PortableReader.open(inChunks(bytes, chunk), passphrase);
  const all: Read = { small: new Map(), disks: new Map() };
  for await (const part of file.parts()) {
    if (part.kind === "small") all.small.set(part.name, part.bytes.toString());
    else {
      const content = Buffer.alloc(part.sizeBytes);
      for await (const { offset, data } of part.blocks) content.set(data, offset);
      all.disks.set(part.id, content);
    }
  }
  return all;
}

const secret = () => new Secret("correct horse battery");

describe("a file", () => {
  test.each([undefined, secret()])("comes back as it was (%s)", async (passphrase) => {
    const bytes = await written(passphrase);
    expect(vmFileKind(bytes)).toBe(passphrase ? "sealed" : "plain");
    expect(bytes.includes("in the middle")).toBe(passphrase === undefined);
    for (const chunk of [511, 4096, bytes.length]) {
      const { small, disks } = await readAll(bytes, passphrase, chunk);
      expect(Object.fromEntries(small)).toEqual({ variables: "of UEFI" });
      expect(disks.get("disk")?.equals(first().content)).toBe(true);
      expect(disks.get(DISK)?.equals(second().content)).toBe(true);
    }
  });

  test("says who it was before anything of its disks is read", async () => {
    const file = await PortableReader.open(inChunks(await written()), undefined);
    expect(file.definition).toMatchObject({ name: "web", disks: [{ id: DISK, name: "data" }] });
  });

  test("is small where its disks hold little", async () => {
    expect((await written()).length).toBeLessThan(MIB / 4);
  });

  test("no other byte in it goes unseen, wherever it is", async () => {
    const bytes = await written();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ by;
        await expect(readAll(damaged)).rejects.toBeInstanceOf(EngineError);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test("nor of a sealed one, but its passphrase is asked for once", async () => {
    const bytes = await written(secret());
    for (const at of [20, 34, 40, 1000, bytes.length - 30, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await expect(readAll(damaged, secret())).rejects.toBeInstanceOf(EngineError);
    }
  }, 60_000);

  test("it is not taken for whole when its end is missing, or more comes", async () => {
    const bytes = await written();
    for (const length of [0, 100, 512, 2000, bytes.length - 513, bytes.length - 512, bytes.length - 1])
      await expect(readAll(bytes.subarray(0, length))).rejects.toBeInstanceOf(EngineError);
    await expect(readAll(Buffer.concat([bytes, bytes]))).rejects.toBeInstanceOf(EngineError);
  });

  test("sealed: frames are not left out, repeated or moved", async () => {
    const long = { ...vm(), disks: [{ ...first(), extents: whole(8 * MIB) }, second()] };
    const bytes = await written(secret(), long);
    const frame = 4 + 256 * 1024 + 16;
    const head = bytes.subarray(0, 32);
    const [one, two] = [bytes.subarray(32, 32 + frame), bytes.subarray(32 + frame, 32 + 2 * frame)];
    const rest = bytes.subarray(32 + 2 * frame);
    for (const forged of [
      [head, two, rest],
      [head, one, one, rest],
      [head, two, one, rest],
      [head, one],
    ])
      await expect(readAll(Buffer.concat(forged), secret())).rejects.toBeInstanceOf(EngineError);
    expect((await readAll(Buffer.concat([head, one, two, rest]), secret())).disks.size).toBe(2);
  }, 60_000);

  test("sealed: another passphrase, or none, is told", async () => {
    const bytes = await written(secret());
    await expect(readAll(bytes, new Secret("another"))).rejects.toMatchObject({ code: "permission-denied" });
    await expect(readAll(bytes)).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

function whole(length: number) {
  return async function* (): AsyncGenerator<Extent> {
    yield { offset: 0, length, zero: false };
  };
}

type Entry = { name: string; bytes?: Buffer; type?: "file" | "symlink"; pax?: Record<string, string> };

/** A tar of whatever is wished, with a sum that fits. */
async function forged(...entries: Entry[]): Promise<Buffer> {
  const pack = tar.pack();
  const all = buffer(withSum(pack as unknown as AsyncIterable<Buffer>));
  for (const { name, bytes = Buffer.alloc(0), type = "file", pax } of entries) {
    const header = {
      name,
      type,
      ...(pax ? { pax } : {}),
      ...(type === "symlink" ? { linkname: "/etc" } : {}),
    };
    pack.entry(header, type === "file" ? bytes : undefined);
  }
  pack.finalize();
  return all;
}

const DEFINITION = { name: "berth-vm/instance.json", bytes: Buffer.from(definition) };
const disk = (id: string, sizeBytes: number, map = formatMap([], sizeBytes)): Entry => ({
  ...diskEntry(id, sizeBytes),
  bytes: map,
});
const EMPTY = [disk("disk", 8 * MIB), disk(DISK, MIB)];

describe("a file of somebody who means no good", () => {
  test("is taken where nothing is wrong with it", async () => {
    expect((await readAll(await forged(DEFINITION, ...EMPTY))).disks.size).toBe(2);
  });

  test.each<[string, Entry[]]>([
    ["no definition", EMPTY],
    ["another definition", [DEFINITION, DEFINITION, ...EMPTY]],
    ["a name that leads out", [DEFINITION, { name: "berth-vm/firmware/../../x", bytes: Buffer.from("x") }]],
    ["an absolute name", [DEFINITION, { name: "/etc/passwd", bytes: Buffer.from("x") }]],
    ["a link", [DEFINITION, { name: "berth-vm/firmware/variables", type: "symlink" }]],
    ["a disk that nothing is told of", [DEFINITION, ...EMPTY, disk("other", MIB)]],
    ["a disk twice", [DEFINITION, ...EMPTY, disk("disk", 8 * MIB)]],
    ["a disk that is missing", [DEFINITION, disk("disk", 8 * MIB)]],
    ["a definition without end", [{ name: DEFINITION.name, bytes: Buffer.alloc(2 * MIB, 0x20) }]],
    ["a definition that is none", [{ name: DEFINITION.name, bytes: Buffer.from("{}") }]],
    [
      "parts beyond the disk",
      [DEFINITION, disk("disk", 8 * MIB, mapOf("2\n8388600\n512\n8388608\n0\n", 512))],
    ],
    [
      "parts one over the other",
      [DEFINITION, disk("disk", MIB, mapOf("3\n0\n512\n0\n512\n1048576\n0\n", 1024))],
    ],
    ["parts longer than what is there", [DEFINITION, disk("disk", MIB, mapOf("1\n0\n1024\n", 512))]],
    ["too many parts", [DEFINITION, disk("disk", MIB, mapOf("99999999999\n0\n0\n", 0))]],
    ["a map that is none", [DEFINITION, disk("disk", MIB, mapOf("-1\nabc\n", 0))]],
    ["a map without lines", [DEFINITION, disk("disk", MIB, Buffer.alloc(4096, 0x31))]],
    ["a map without end", [DEFINITION, disk("disk", MIB, mapOf("4\n0\n", 0))]],
  ])("%s is refused", async (_what, entries) => {
    await expect(readAll(await forged(...entries))).rejects.toBeInstanceOf(EngineError);
  });

  test("anything at all ends with a refusal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4000 }), async (bytes) => {
        await expect(readAll(Buffer.from(bytes))).rejects.toBeInstanceOf(EngineError);
      }),
      { numRuns: 50 },
    );
  });
});

function mapOf(text: string, dataBytes: number): Buffer {
  const map = Buffer.alloc(512 + dataBytes);
  map.write(text);
  return map;
}

describe("where a disk holds something", () => {
  const extentsOf = (all: readonly Extent[]) =>
    (async function* () {
      yield* all;
    })();

  test("nothing of it is left out, whatever its extents are, and the map comes back", async () => {
    const gaps = fc.array(
      fc.record({ gap: fc.nat(300_000), length: fc.integer({ min: 1, max: 200_000 }), zero: fc.boolean() }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(gaps, fc.integer({ min: 2, max: 8 }), async (list, most) => {
        let at = 0;
        const extents = list.map(({ gap, length, zero }) => {
          const offset = at + gap;
          at = offset + length;
          return { offset, length, zero };
        });
        const segments = await segmentsOf(extentsOf(extents), most);
        expect(segments.length).toBeLessThanOrEqual(most);
        for (const { offset, length } of extents.filter(({ zero }) => !zero))
          expect(
            segments.some((one) => one.offset <= offset && offset + length <= one.offset + one.length),
          ).toBe(true);
        const map = formatMap(segments, at);
        const storedBytes = segments.reduce((sum, one) => sum + one.length, map.length);
        const read = exactly(Readable.from([map]));
        const back = await readMap(read, { sizeBytes: at, storedBytes });
        expect(back).toEqual([...segments, { offset: at, length: 0 }]);
      }),
    );
  });
});

describe("without Berth", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "berth-portable-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test("tar gives its definition and its disks, sparse, and sha256sum the sum at its end", async () => {
    const file = path.join(directory, "web.berth");
    const bytes = await written();
    await writeFile(file, bytes);
    await run(["tar", "-xf", file, "-C", directory]);
    expect(await readFile(path.join(directory, "berth-vm/instance.json"))).toEqual(Buffer.from(definition));
    expect((await readFile(path.join(directory, "berth-vm/disks/disk.raw"))).equals(first().content)).toBe(
      true,
    );
    expect(
      (await readFile(path.join(directory, `berth-vm/disks/${DISK}.raw`))).equals(second().content),
    ).toBe(true);
    const { blocks } = await stat(path.join(directory, "berth-vm/disks/disk.raw"));
    expect(blocks * 512).toBeLessThan(MIB);
    const { stdout } = await run(["sh", "-c", 'head -c -512 "$1" | sha256sum', "sh", file]);
    expect(bytes.subarray(-512).toString("latin1")).toContain(stdout.slice(0, 64));
  });
});
