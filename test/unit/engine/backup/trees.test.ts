/** Files of a container on their way into a backup and out of it: nothing is lost, and nothing leads out. */
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { TarHeader } from "../../../../src/base/tar/header.ts";
import { readTar } from "../../../../src/base/tar/read.ts";
import { plainFile, TAR_END, tarEntry } from "../../../../src/base/tar/write.ts";
import { sha256 } from "../../../../src/engine/backup/repository/ids.ts";
import { newNode, type TreeNode } from "../../../../src/engine/backup/repository/node.ts";
import type { WalkedNode } from "../../../../src/engine/backup/repository/reader.ts";
import { parseTree, treeText } from "../../../../src/engine/backup/repository/tree.ts";
import { TreeBuilder } from "../../../../src/engine/backup/repository/tree-builder.ts";
import { deviceNumber, deviceParts } from "../../../../src/engine/backup/trees/devices.ts";
import { besideLayer, layerOf, sizedTar, tarItems } from "../../../../src/engine/backup/trees/tar-of-tree.ts";
import { saveTar } from "../../../../src/engine/backup/trees/tree-of-tar.ts";
import { ctx } from "../../../contract/driver.ts";

type Item = { header: TarHeader; bytes: Buffer };

async function* tarOf(items: readonly Item[]): AsyncGenerator<Uint8Array> {
  for (const { header, bytes } of items) yield* tarEntry(header, [bytes]);
  yield TAR_END;
}

/** A repository of files' bytes by their sum. */
function memory() {
  const stored = new Map<string, Buffer>();
  return {
    stored,
    saveStream: async (_ctx: unknown, stream: AsyncIterable<Uint8Array>) => {
      const bytes = await buffer(stream);
      const content = new Uint8Array(sha256(bytes));
      stored.set(Buffer.from(content).toString("hex"), bytes);
      return { content, size: bytes.length, readBytes: bytes.length };
    },
    open: async (_ctx: unknown, node: TreeNode) => ({
      async *read() {
        yield stored.get(Buffer.from(node.content ?? []).toString("hex")) ?? Buffer.alloc(0);
      },
    }),
  };
}
type Memory = ReturnType<typeof memory>;

/** Through the text that trees have in a repository, and walked as one is. */
async function through(items: readonly Item[], files: Memory, hasTop = false): Promise<WalkedNode[]> {
  const tar = { bytes: tarOf(items), hasTop };
  const tree = await saveTar(ctx(), files, { tar, deviceId: 1, doing: "back up web", told: () => {} });
  const builder = new TreeBuilder();
  await tree.into(builder, "/rootfs");
  const trees = new Map<string, TreeNode[]>();
  const root = await builder.save(async (nodes) => {
    const id = Buffer.from(String(trees.size)).toString("hex").padStart(64, "0");
    trees.set(id, parseTree(treeText(nodes), "a tree"));
    return id;
  });
  const walked: WalkedNode[] = [];
  const walk = (path: string, id: string) => {
    for (const node of trees.get(id) ?? []) {
      const own = `${path}/${node.name}`;
      walked.push({ path: own, node });
      if (node.subtree) walk(own, node.subtree);
    }
  };
  const [top] = trees.get(root) ?? [];
  if (!top?.subtree) return [];
  walked.push({ path: "", node: top });
  walk("", top.subtree);
  return walked;
}

async function back(walked: readonly WalkedNode[], files: Memory): Promise<Item[]> {
  const told: number[] = [];
  const reader = files as unknown as Parameters<typeof sizedTar>[1];
  const { sizeBytes, bytes } = await sizedTar(ctx(), reader, tarItems(walked), (size) => told.push(size));
  const whole = await buffer(bytes());
  expect(whole.length).toBe(sizeBytes);
  const items: Item[] = [];
  async function* source() {
    yield whole;
  }
  for await (const { body, ...header } of readTar(source()))
    items.push({ header, bytes: await buffer(body) });
  return items;
}

const file = (name: string, text = "", more: Partial<TarHeader> = {}): Item => {
  const bytes = Buffer.from(text);
  return { header: { ...plainFile(name, bytes.length), ...more }, bytes };
};
const other = (name: string, type: TarHeader["type"], more: Partial<TarHeader> = {}): Item => ({
  header: { ...plainFile(name, 0), type, ...more },
  bytes: Buffer.alloc(0),
});
const named = (items: readonly Item[]) => new Map(items.map((item) => [item.header.name, item]));

const component = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) =>
    Buffer.from(bytes.map((byte) => byte || 1))
      .toString("latin1")
      .replaceAll("/", "_"),
  )
  .filter((text) => text !== "." && text !== "..");
const facts = fc.record({
  ...{ mode: fc.nat(0o7777), uid: fc.nat(2 ** 32 - 1), gid: fc.nat(2 ** 32 - 1) },
  mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n }),
  xattrs: fc.constantFrom([], [{ name: "security.capability", value: Buffer.from([1, 0, 255, 128]) }]),
});
const leaf = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }).map((bytes) => ({ type: "file" as const, bytes: Buffer.from(bytes) })),
  component.map((linkName) => ({ type: "symlink" as const, linkName: `../../${linkName}` })),
  fc.record({
    type: fc.constantFrom("chardev" as const, "dev" as const),
    major: fc.nat(4095),
    minor: fc.nat(2 ** 20 - 1),
  }),
  fc.constant({ type: "fifo" as const }),
);

test("what goes in comes out: bytes, names, owners, modes, times, attributes, devices and links", async () => {
  const entries = fc.uniqueArray(fc.record({ name: component, facts, leaf }), {
    maxLength: 8,
    selector: (one) => one.name,
  });
  await fc.assert(
    fc.asyncProperty(entries, facts, async (entries, ofFolder) => {
      const folder = other("some folder/", "dir", ofFolder);
      const items = entries.map(
        ({
          name,
          facts,
          leaf: { bytes, ...more },
        }: (typeof entries)[number] & { leaf: { bytes?: Buffer } }) => ({
          header: { ...plainFile(`some folder/${name}`, bytes?.length ?? 0), ...facts, ...more },
          bytes: bytes ?? Buffer.alloc(0),
        }),
      );
      const files = memory();
      const out = named(await back(await through([other("./", "dir"), folder, ...items], files), files));
      for (const item of [folder, ...items]) expect(out.get(item.header.name)).toEqual(item);
      expect(out.size).toBe(items.length + 2);
    }),
    { numRuns: 100 },
  );
});

test("names of one file are one file again, and one inode to restic", async () => {
  const files = memory();
  const items = [
    file("a", "same", { mode: 0o4750, uid: 7, mtimeNs: 5_000_000_000n }),
    other("b", "link", { linkName: "./a" }),
    file("c", "same", { mode: 0o600 }),
    other("d", "link", { linkName: "b" }),
  ];
  const walked = await through(items, files);
  const nodes = new Map(walked.map(({ path, node }) => [path, node]));
  for (const path of ["/a", "/b", "/d"])
    expect(nodes.get(path)).toMatchObject({ inode: 1, deviceId: 1, links: 3, size: 4 });
  expect(nodes.get("/c")).not.toHaveProperty("inode");
  const out = named(await back(walked, files));
  expect(out.get("a")?.bytes.toString()).toBe("same");
  // Who reads a link does to its file what it says.
  const link = { type: "link", linkName: "a", mode: 0o4750, uid: 7, mtimeNs: 5_000_000_000n };
  for (const name of ["b", "d"]) expect(out.get(name)?.header).toMatchObject(link);
  expect(out.get("c")?.header).toMatchObject({ type: "file" });
});

test("what a repository says is one inode, and is not the same, is not", async () => {
  const files = memory();
  const walked = await through([file("a", "one"), file("b", "other")], files);
  const lying = walked.map(({ path, node }) => ({
    path,
    node: node.type === "file" ? { ...node, inode: 7, deviceId: 1, links: 2 } : node,
  }));
  const out = named(await back(lying, files));
  expect([out.get("a")?.bytes.toString(), out.get("b")?.bytes.toString()]).toEqual(["one", "other"]);
});

test("attributes that steer a runtime's own file system come from no backup", async () => {
  const files = memory();
  const xattrs = [
    ...[
      { name: "trusted.overlay.redirect", value: Buffer.from("/etc") },
      { name: "user.a", value: Buffer.from("b") },
    ],
  ];
  const out = named(await back(await through([file("a", "x", { xattrs })], files), files));
  expect(out.get("a")?.header.xattrs).toEqual([xattrs[1]]);
});

test("an attribute whose name a tar would end too early is left out", async () => {
  const files = memory();
  const xattrs = [
    ...[
      { name: "user.a=b", value: Buffer.from("c") },
      { name: "user.d", value: Buffer.from("e=f") },
    ],
  ];
  const walked = await through([file("a", "x")], files);
  const odd = walked.map(({ path, node }) => ({ path, node: path === "/a" ? { ...node, xattrs } : node }));
  expect(named(await back(odd, files)).get("a")?.header.xattrs).toEqual([xattrs[1]]);
});

test("many small files and a large one come out in their order", async () => {
  const files = memory();
  const items = Array.from({ length: 200 }, (_, n) =>
    file(`f${n}`, n % 50 === 7 ? "x".repeat(700_000) : `${n}`),
  );
  const out = named(await back(await through(items, files), files));
  for (const item of items) expect(out.get(item.header.name)?.bytes.equals(item.bytes)).toBe(true);
});

test("the directory that a runtime puts all beneath is none of the tree", async () => {
  const files = memory();
  const items = [
    other("data/", "dir", { mode: 0o700, uid: 5 }),
    file("data/a", "x"),
    other("data/b", "link", { linkName: "data/a" }),
  ];
  const walked = await through(items, files, true);
  expect(walked.map(({ path }) => path)).toEqual(["", "/a", "/b"]);
  expect(walked[0]?.node).toMatchObject({ uid: 5 });
});

test.each<[string, Item[], RegExp]>([
  ["a name that leads out", [file("a/../../b")], /the name "a\/\.\.\/\.\.\/b" leads out of it/],
  [
    "a link to what is not there",
    [other("a", "link", { linkName: "b" })],
    /"a" is a link to "b", which is no file in it/,
  ],
  ["a link out", [other("a", "link", { linkName: "../b" })], /leads out of it/],
  [
    "a link to a directory",
    [other("d/", "dir"), other("a", "link", { linkName: "d" })],
    /which is no file in it/,
  ],
  ["a device that cannot be", [other("a", "dev", { major: 5000 })], /is a device that cannot be/],
  ["an owner that cannot be", [file("a", "", { uid: 2 ** 32 })], /belongs to nobody that can be/],
  ["a name that goes too deep", [file("a/".repeat(5000))], /goes too deep/],
  ["a root that is no directory", [file(".")], /is no directory/],
])("%s is refused", async (_what, items, words) => {
  await expect(through(items, memory())).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringMatching(words),
  });
});

test("a file beneath what is no directory, and a name too long for one, are refused", async () => {
  await expect(through([file("a"), file("a/b")], memory())).rejects.toThrow("is no folder");
  await expect(through([file("x".repeat(5000))], memory())).rejects.toThrow("too long");
});

test("a tar that ends too early is told as that, and what comes twice is what came last", async () => {
  async function* cut() {
    yield (await buffer(tarOf([file("a", "x")]))).subarray(0, 600);
  }
  const saving = { tar: { bytes: cut(), hasTop: false }, deviceId: 1, doing: "back up web", told: () => {} };
  await expect(saveTar(ctx(), memory(), saving)).rejects.toThrow("cannot back up web: ");
  const files = memory();
  const out = named(await back(await through([file("a", "1"), file("a", "2")], files), files));
  expect(out.get("a")?.bytes.toString()).toBe("2");
});

test("where the tree itself is called /, as by Podman, all lies in it as it is called", async () => {
  const items = [
    other("/", "dir", { uid: 5 }),
    file("etc", "x"),
    other("again", "link", { linkName: "etc" }),
  ];
  const walked = await through(items, memory(), true);
  expect(walked.map(({ path }) => path)).toEqual(["", "/again", "/etc"]);
  expect(walked[0]?.node).toMatchObject({ uid: 5 });
});

test("a layer has nothing where volumes are, but their own directories, and nothing that a layer takes for a removal", async () => {
  const files = memory();
  const items = [
    ...[other("data/", "dir"), file("data/of-the-image"), file("database"), other("var/", "dir")],
    ...[other("var/lib/", "dir"), file("var/lib/.wh.gone"), file("var/lib/kept")],
    ...[other("var/.wh.d/", "dir"), file("var/.wh.d/in"), file("data/.wh.of-the-image")],
  ];
  const volume: TreeNode = { ...newNode("dir", { uid: 70, unixMode: 0o700 }), name: "v" };
  const walked = await through(items, files);
  const layer = [...layerOf(walked, new Map([["/data", volume]]))];
  expect(layer.map(({ path }) => path)).toEqual([
    "",
    "/data",
    "/database",
    "/var",
    "/var/lib",
    "/var/lib/kept",
  ]);
  expect(layer[1]?.node).toMatchObject({ name: "data", uid: 70 });
  const beside = [...besideLayer(walked, ["/data"])].map(({ path }) => path);
  expect(beside).toEqual(["/var/.wh.d", "/var/.wh.d/in", "/var/lib/.wh.gone"]);
});

test("a device has one number, as Linux has it", () => {
  expect(deviceNumber(1, 3, "null")).toBe(0x103);
  expect(deviceNumber(259, 300, "nvme")).toBe(0x11032c);
  fc.assert(
    fc.property(fc.nat(4095), fc.nat(2 ** 20 - 1), (major, minor) => {
      expect(deviceParts(deviceNumber(major, minor, "it"))).toEqual({ major, minor });
    }),
  );
});
