/** A tar that is looked at on its way: what is well comes out as it went in, and what is not never comes to an end. */
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedTar } from "../../../../../src/engine/drivers/oci/checked-tar.ts";
import { tarOf } from "../../../../support/container-image.ts";

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const passed = (bytes: Buffer, size = 1000) => buffer(checkedTar(inPieces(bytes, size), "import base:1"));
const file = (name: string) => tarOf([{ name, body: Buffer.from("x") }]);

test("what is well comes out as it went in, in whatever pieces, out of gzip or not", async () => {
  const name = fc.string({ unit: fc.constantFrom("a", "ü", ".", "b"), minLength: 1, maxLength: 150 });
  const entry = fc.record({ name: name.filter((one) => one !== ".."), size: fc.nat(3000) });
  const files = fc.array(entry, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 5000 }), fc.boolean(), async (files, size, zipped) => {
      const tar = await tarOf(files.map(({ name, size }) => ({ name, body: Buffer.alloc(size, "x") })));
      expect((await passed(zipped ? gzipSync(tar) : tar, size)).equals(tar)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("links of a system, and devices in its /dev, are its own affair", async () => {
  const tar = await tarOf([
    { name: "./etc/mtab", type: "symlink", linkname: "/proc/mounts" },
    { name: "bin/a", body: Buffer.from("x") },
    { name: "bin/b", type: "link", linkname: "bin/a" },
    { name: "./dev/null", type: "character-device", devmajor: 1, devminor: 3 },
  ]);
  expect((await passed(tar)).equals(tar)).toBe(true);
});

test.each([
  ["a name that leads out", () => file("../outside"), /the name "\.\.\/outside" in it leads out of it/],
  ["a name that leads out later", () => file("a/../../outside"), /leads out of it/],
  ["an absolute name", () => file("/etc/passwd"), /the name "\/etc\/passwd" in it leads out/],
  [
    "a hard link out",
    () => tarOf([{ name: "a", type: "link", linkname: "../../etc/shadow" }]),
    /"a" in it is a link to "\.\.\/\.\.\/etc\/shadow", which is not in it/,
  ],
  [
    "a device elsewhere",
    () => tarOf([{ name: "home/disk", type: "block-device", devmajor: 8, devminor: 0 }]),
    /"home\/disk" in it is a device, and not in its \/dev/,
  ],
  ["no tar", async () => Buffer.from("no tar".repeat(1000)), /it is no whole tar: /],
  ["a part of one", async () => (await file("a")).subarray(0, 700), /it is no whole tar: /],
  [
    "one that is cut off in a file",
    async () => (await tarOf([{ name: "a", body: Buffer.alloc(9_000, "x") }])).subarray(0, 4_000),
    /it is no whole tar: /,
  ],
  ["gzip that is cut off", async () => gzipSync(await file("a")).subarray(0, 40), /it is no whole tar: /],
  ["nothing", async () => Buffer.alloc(0), /there are no files in it/],
  ["a tar of nothing", () => tarOf([]), /there are no files in it/],
  ["xz", async () => Buffer.from("\xfd7zXZ\0 and more", "latin1"), /it is compressed by xz/],
  ["bzip2", async () => Buffer.from("BZh91AY"), /it is compressed by bzip2/],
  ["zstd", async () => Buffer.from("\x28\xb5\x2f\xfd and more", "latin1"), /it is compressed by zstd/],
])("%s is refused in words", async (_what, bytes, words) => {
  const refused = passed(await bytes());
  await expect(refused).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(refused).rejects.toThrow(words);
  await expect(refused).rejects.toThrow(/^cannot import base:1: /);
});

test("a name that never ends is not gathered", async () => {
  const head = (await tarOf([{ name: "x".repeat(300), body: Buffer.from("x") }])).subarray(0, 512);
  // The pax header that bears the name, said to be of 2 GiB.
  head.write("20000000000\0", 124, "latin1");
  head.write("        ", 148, "latin1");
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  let sent = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    yield head;
    for (; sent < 2 ** 28; sent += 2 ** 16) yield Buffer.alloc(2 ** 16, "x");
  }
  await expect(buffer(checkedTar(endless(), "import base:1"))).rejects.toThrow(/too much between its files/);
  expect(sent).toBeLessThan(2 ** 24);
});

test("a source that fails is told as it is", async () => {
  const whole = await file("a");
  async function* failing(): AsyncGenerator<Buffer> {
    yield whole.subarray(0, 600);
    throw new Error("the disk is broken");
  }
  await expect(buffer(checkedTar(failing(), "import base:1"))).rejects.toThrow("the disk is broken");
});
