/** Tars as they are read and written here, held against the system's own tar and against whatever somebody may send. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import tar from "tar-stream";
import { expect, test } from "vitest";
import { run } from "../../../src/base/run.ts";
import { formatHeader, type TarHeader } from "../../../src/base/tar/header.ts";
import { readTar } from "../../../src/base/tar/read.ts";
import { TarError } from "../../../src/base/tar/tar-error.ts";
import { entryBytes, plainFile, TAR_END, tarEntry } from "../../../src/base/tar/write.ts";

type Item = { header: TarHeader; bytes: Buffer };

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* written(items: readonly Item[]): AsyncGenerator<Uint8Array> {
  for (const { header, bytes } of items) yield* tarEntry(header, [bytes]);
  yield TAR_END;
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const { body, ...header } of readTar(source)) items.push({ header, bytes: await buffer(body) });
  return items;
}

const bytesText = (max: number) =>
  fc
    .uint8Array({ minLength: 1, maxLength: max })
    .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString("latin1"));
/** Its last sign is none that says what it is. */
const name = bytesText(300).map((text) => `${text.replaceAll("/", "_")}x`);
const header = fc.record({
  ...{ name, linkName: bytesText(300), mode: fc.nat(0o7777), uid: fc.nat(2 ** 31), gid: fc.nat(2 ** 31) },
  mtimeNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  ...{ major: fc.nat(4095), minor: fc.nat(2 ** 20 - 1) },
  xattrs: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("security.capability", "user.a", "user.b c", "trusted.x"),
      value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    }),
    { selector: (xattr) => xattr.name },
  ),
});
const item: fc.Arbitrary<Item> = fc
  .record({
    header,
    type: fc.constantFrom(...(["file", "link", "symlink", "chardev", "dev", "dir", "fifo"] as const)),
    bytes: fc.uint8Array({ maxLength: 2000 }),
  })
  .map(({ header, type, bytes }) => {
    const isDevice = type === "chardev" || type === "dev";
    const own = { ...header, type, ...(isDevice ? {} : { major: 0, minor: 0 }) };
    const content = Buffer.from(type === "file" ? bytes : []);
    return { header: { ...own, size: content.length }, bytes: content };
  });

test("what is written is read as it was, in whatever pieces, and has the length that was told before", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 6 }),
      fc.integer({ min: 1, max: 3000 }),
      async (items, size) => {
        const bytes = await buffer(written(items));
        expect(bytes.length).toBe(items.reduce((sum, one) => sum + entryBytes(one.header), TAR_END.length));
        expect(await readAll(inPieces(bytes, size))).toEqual(items);
      },
    ),
    { numRuns: 200 },
  );
});

test("the system's tar reads what is written, and what it writes is read", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-tar-"));
  const file = path.join(directory, "a.tar");
  try {
    const long = `${"directory/".repeat(30)}file-of-ünïcode`;
    const latin = Buffer.from(long).toString("latin1");
    const bytes = Buffer.from("content\n");
    await writeFile(file, await buffer(written([{ header: plainFile(latin, bytes.length), bytes }])));
    const listed = await run(["tar", "--quoting-style=literal", "-tf", file], { env: { LC_ALL: "C.UTF-8" } });
    expect(listed.stdout).toBe(`${long}\n`);
    await run(["tar", "-xf", file, "-C", directory]);
    for (const format of ["pax", "gnu", "ustar"]) {
      const short = format === "ustar" ? ["a.tar"] : ["directory"];
      const packed = path.join(directory, `${format}.tgz`);
      await run(["tar", `--format=${format}`, "-cf", packed, "-C", directory, ...short]);
      const items = await readAll(
        (async function* () {
          yield await readFile(packed);
        })(),
      );
      const names = items.map((one) => one.header.name);
      if (format === "ustar") expect(names).toEqual(["a.tar"]);
      else expect(items.at(-1)).toMatchObject({ header: { name: latin, type: "file" }, bytes });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("what another library writes is read", async () => {
  const pack = tar.pack();
  const mtime = new Date(1_700_000_000_000);
  pack.entry({ name: `${"a".repeat(90)}/${"b".repeat(90)}`, mtime, mode: 0o640, uid: 7, gid: 8 }, "one");
  pack.entry({ name: "dev/null", type: "character-device", devmajor: 1, devminor: 3, mtime });
  pack.finalize();
  const [one, two] = await readAll(pack);
  expect(one).toMatchObject({
    header: { name: `${"a".repeat(90)}/${"b".repeat(90)}`, mode: 0o640, uid: 7, gid: 8, size: 3 },
    bytes: Buffer.from("one"),
  });
  expect(one?.header.mtimeNs).toBe(1_700_000_000_000_000_000n);
  expect(two?.header).toMatchObject({ name: "dev/null", type: "chardev", major: 1, minor: 3 });
});

test("a body that nobody reads is passed over", async () => {
  const items = ["a", "b"].map((one) => ({
    header: plainFile(one, 70_000),
    bytes: Buffer.alloc(70_000, one),
  }));
  const names: string[] = [];
  for await (const { name } of readTar(written(items))) names.push(name);
  expect(names).toEqual(["a", "b"]);
});

test("one that is cut off anywhere is none", async () => {
  const bytes = Buffer.alloc(700, "x");
  const whole = await buffer(written([{ header: plainFile("a".repeat(200), bytes.length), bytes }]));
  const end = whole.length - TAR_END.length;
  await fc.assert(
    fc.asyncProperty(fc.nat(end), async (length) => {
      await expect(readAll(inPieces(whole.subarray(0, length), 333))).rejects.toThrow("it ends too early");
    }),
  );
});

test("anything at all is read or refused, and nothing else", async () => {
  const valid = formatHeader({ ...plainFile("a", 0), xattrs: [{ name: "user.a", value: Buffer.from("b") }] });
  const changed = fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, byte]) => {
    const bytes = Buffer.concat([valid, TAR_END]);
    bytes[at] = byte;
    return bytes;
  });
  const any = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(fc.oneof(changed, any), async (bytes) => {
      await readAll(inPieces(bytes, 100)).catch((error: unknown) => expect(error).toBeInstanceOf(TarError));
    }),
    { numRuns: 500 },
  );
});

test.each<[string, (block: Buffer) => void, string]>([
  ["a type that nobody knows", (block) => block.write("S", 156), 'something of the type "S" is in it'],
  ["a size that is no number", (block) => block.write("9z", 124), "the field size of a header is no number"],
  ["a header longer than any", (block) => block.write("x", 156) && block.write("00077777777", 124), "bytes"],
])("%s is refused", async (_what, change, reason) => {
  const block = formatHeader(plainFile("a", 0));
  change(block);
  block.fill(" ", 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  await expect(readAll(inPieces(Buffer.concat([block, TAR_END]), 512))).rejects.toThrow(reason);
});

test("an attribute whose name no pax header can hold is refused", () => {
  const xattrs = [{ name: "user.a=b", value: Buffer.from("c") }];
  expect(() => formatHeader({ ...plainFile("a", 0), xattrs })).toThrow("cannot be said in a pax header");
});

test("a body that is not as long as its header says makes no tar", async () => {
  for (const body of [[Buffer.alloc(3)], [Buffer.alloc(5)], []])
    await expect(buffer(tarEntry(plainFile("a", 4), body))).rejects.toThrow(TarError);
});
