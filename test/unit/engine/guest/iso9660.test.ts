/** Our ISO images as other programs read them: isoinfo through both directories, blkid by the label. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { buildIso, type IsoFile } from "../../../../src/engine/guest/iso9660.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-iso-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function written(files: readonly IsoFile[], name = "seed.iso"): Promise<string> {
  const file = path.join(directory, name);
  await writeFile(file, buildIso({ volumeId: "cidata", files }));
  return file;
}

const text = (name: string, data: string): IsoFile => ({ name, data: Buffer.from(data) });
const SEED = [
  text("meta-data", "instance-id: i-1\n"),
  text("user-data", `#cloud-config\n${"a: 1 # ä\n".repeat(900)}`),
  text("vendor-data", "x".repeat(2048)),
  text("network-config", ""),
];

test("isoinfo finds every file under its name, with its bytes", async () => {
  const file = await written(SEED);
  const listed = (await run(["isoinfo", "-J", "-f", "-i", file])).stdout.trim().split("\n");
  expect(listed.sort()).toEqual(["/meta-data", "/network-config", "/user-data", "/vendor-data"]);
  for (const { name, data } of SEED) {
    const { stdout } = await run(["isoinfo", "-J", "-x", `/${name}`, "-i", file]);
    expect(stdout).toBe(Buffer.from(data).toString("utf8"));
  }
});

test("isoinfo reads the plain directory and the volume's description too", async () => {
  const file = await written(SEED);
  const { stdout } = await run(["isoinfo", "-d", "-i", file]);
  expect(stdout).toMatch(/CD-ROM is in ISO 9660 format/);
  expect(stdout).toMatch(/Volume id: CIDATA/);
  expect(stdout).toMatch(/Joliet with UCS level 3 found/);
  expect((await run(["isoinfo", "-f", "-i", file])).stdout.trim().split("\n")).toHaveLength(SEED.length);
});

test("blkid knows the volume by the label that cloud-init looks for", async () => {
  const { stdout } = await run(["blkid", "-o", "export", await written(SEED)]);
  expect(stdout).toMatch(/^TYPE=iso9660$/m);
  expect(stdout).toMatch(/^LABEL=cidata$/im);
});

const NAME = fc
  .stringMatching(/^[a-zA-Z0-9 ._+=@äöüßéŁж-]{1,40}$/)
  .filter((name) => name.trim() === name && !/^\.+$/.test(name) && !name.endsWith("."));

test("any files come back as they went in", { timeout: 60_000 }, async () => {
  let count = 0;
  const files = fc.uniqueArray(fc.record({ name: NAME, data: fc.uint8Array({ maxLength: 5000 }) }), {
    maxLength: 30,
    selector: ({ name }) => name.toLowerCase(),
  });
  await fc.assert(
    fc.asyncProperty(files, async (wanted) => {
      count += 1;
      const file = await written(wanted, `any-${count}.iso`);
      const { stdout } = await run(["isoinfo", "-J", "-l", "-i", file]);
      const sizes = [...stdout.matchAll(/^-\S+\s+\d+\s+\d+\s+\d+\s+(\d+) /gm)].map((match) =>
        Number(match[1]),
      );
      expect(sizes.sort()).toEqual(wanted.map(({ data }) => data.length).sort());
      const image = await readFile(file);
      for (const { name, data } of wanted) expect(contentOf(image, name)).toEqual(Buffer.from(data));
    }),
    { numRuns: 15 },
  );
});

/** Follows the Joliet root directory, as a guest's kernel does. */
function contentOf(image: Buffer, wanted: string): Buffer | undefined {
  const joliet = 17 * 2048;
  const root = image.subarray(joliet + 156, joliet + 190);
  const start = root.readUInt32LE(2) * 2048;
  const end = start + root.readUInt32LE(10);
  for (let at = start; at < end; ) {
    const length = image[at] ?? 0;
    if (length === 0) {
      at = (Math.floor(at / 2048) + 1) * 2048; // Records do not cross sectors.
      continue;
    }
    const nameLength = image[at + 32] ?? 0;
    // The directory itself and its parent have names of one byte.
    const name =
      nameLength > 1 ? Buffer.from(image.subarray(at + 33, at + 33 + nameLength)).swap16() : undefined;
    if (name?.toString("utf16le").replace(/;1$/, "") === wanted) {
      const from = image.readUInt32LE(at + 2) * 2048;
      return image.subarray(from, from + image.readUInt32LE(at + 10));
    }
    at += length;
  }
  return undefined;
}

test.each([
  ["", "empty"],
  ["a/b", "slash"],
  ["x".repeat(65), "too long"],
  ["a\u0000", "control"],
  ["a;1", "version"],
])("a name that Joliet has no place for is refused: %j (%s)", (name) => {
  expect(() => buildIso({ volumeId: "cidata", files: [text(name, "")] })).toThrow(/cannot be a file name/);
});

test("two files of one name are refused", () => {
  const files = [text("user-data", "1"), text("user-data", "2")];
  expect(() => buildIso({ volumeId: "cidata", files })).toThrow(/user-data/);
});
