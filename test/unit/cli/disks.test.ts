import fc from "fast-check";
import { expect, test } from "vitest";
import { diskRow, disksText } from "../../../src/cli/disk-formats.ts";
import { parseDisk } from "../../../src/cli/disk-text.ts";

const GIB = 2 ** 30;

test.each([
  ["10G", { sizeBytes: 10 * GIB }],
  ["name=data,size=1.5G", { name: "data", sizeBytes: 1.5 * GIB }],
  ["size=1G,name=a", { name: "a", sizeBytes: GIB }],
  ["from=disk.qcow2", { source: "/home/x/disk.qcow2" }],
  ["name=d,size=2G,from=/a, b=c", { name: "d", sizeBytes: 2 * GIB, source: "/a, b=c" }],
  ["format=raw,from=fs.img", { source: "/home/x/fs.img", raw: true }],
])("%s is a disk", (text, disk) => {
  expect(parseDisk(text, "/home/x")).toEqual(disk);
});

test.each([
  ["", /not a valid disk size/],
  ["10CiG", /not a valid disk size/],
  ["-1G", /not a valid disk size/],
  ["1K", /too small/],
  ["name=data", /its size is missing/],
  ["name=,size=1G", /name is empty/],
  ["name=Data,size=1G", /no name/],
  ["name=a-disk-with-a-long-name,size=1G", /no name/],
  ["size=1G,size=2G", /given twice/],
  ["size=1G,color=red", /no “color”/],
  ["size=1G,name", /name is empty/],
  ["size=1G,format=raw", /only a file/],
  ["from=x,format=raw", undefined],
  ["format=vmdk,from=x", /no format/],
  ["size=1G,,name=a", /no “,name”/],
])("%s is refused clearly", (text, message) => {
  if (message) expect(() => parseDisk(text, "/")).toThrow(message);
  // A path may hold anything, so it is the last.
  else expect(parseDisk(text, "/")).toEqual({ source: "/x,format=raw" });
});

test("whatever is written, it is a disk or a clear refusal", () => {
  const piece = fc.oneof(
    fc.constantFrom("name=", "size=", "from=", "format=", ",", "raw", "1G", "a"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      try {
        const disk = parseDisk(pieces.join(""), "/");
        expect(disk.sizeBytes !== undefined || disk.source !== undefined).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-argument" });
      }
    }),
  );
});

test("names and sizes come back as they were written", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/);
  fc.assert(
    fc.property(name, fc.integer({ min: 1, max: 1000 }), fc.string({ minLength: 1 }), (disk, gib, file) => {
      const text = `name=${disk},size=${gib}G,from=/x/${file}`;
      expect(parseDisk(text, "/")).toMatchObject({ name: disk, sizeBytes: gib * GIB });
    }),
  );
});

test("disks are shown with what they are", () => {
  const id = "3f0f6c9e-0000-4000-8000-000000000001";
  const data = { id, name: "data", sizeBytes: GIB };
  const gone = { ...data, name: "old", removedAt: "2026-01-01T00:00:00.000Z" };
  expect(disksText([data, gone])).toBe("data (1GiB), 1 removed");
  expect(diskRow({ ...data, allocatedBytes: 2 ** 20, snapshots: ["a", "b"] })).toEqual([
    ...["data", "1GiB", "1MiB", "there", "a,b"],
  ]);
  expect(diskRow({ ...gone, snapshots: [] })).toEqual(["old", "1GiB", "--", `removed (${id})`, "--"]);
});
