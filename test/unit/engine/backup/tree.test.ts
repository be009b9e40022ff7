/** A directory's list, byte for byte as restic writes it, and what becomes of one that nobody should have written. */
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import {
  bytesOfName,
  epochNs,
  goTime,
  nameOfBytes,
  quoteName,
  unquoteName,
} from "../../../../src/engine/backup/repository/go-text.ts";
import { hex, ID_BYTES, idAt, idCount } from "../../../../src/engine/backup/repository/ids.ts";
import {
  modeOf,
  NODE_TYPES,
  newNode,
  type TreeNode,
  unixMode,
} from "../../../../src/engine/backup/repository/node.ts";
import { parseTree, treeText } from "../../../../src/engine/backup/repository/tree.ts";
import { liftContents } from "../../../../src/engine/backup/repository/tree-contents.ts";

/** Written by restic 0.14 of a directory with names of every unpleasant kind. */
const RESTIC_TREE = readFileSync(path.join(import.meta.dirname, "restic-tree.txt"));

const parse = (json: unknown) => parseTree(Buffer.from(JSON.stringify(json)), "the tree");
const file = (more: object = {}) => ({ name: "a", type: "file", uid: 0, gid: 0, content: [], ...more });

describe("names", () => {
  test.each([
    ["plain", "plain"],
    ["é 😀", "é 😀"],
    ['a"b\\', 'a\\"b\\\\'],
    ["new\nline\x7f\u0080", "new\\nline\\x7f\\u0080"],
    ["\uffff\u2028\u200b", "\\uffff\\u2028\\u200b"],
    ["bad\udcff\udcfe", "bad\\xff\\xfe"],
    ["\x07\b\f\v\x01", "\\a\\b\\f\\v\\x01"],
    ["\u{e0001}", "\\U000e0001"],
  ])("%j is quoted as restic's language does", (name, quoted) => {
    expect(quoteName(name)).toBe(quoted);
    expect(unquoteName(quoted)).toBe(name);
  });

  test("any bytes come back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const name = nameOfBytes(bytes);
        expect(Buffer.from(bytesOfName(name))).toEqual(Buffer.from(bytes));
        expect(unquoteName(quoteName(name))).toBe(name);
      }),
    );
  });

  test("bytes that are UTF-8 together are one character, however they are quoted", () => {
    expect(unquoteName("\\xc3\\xa9")).toBe("é");
    expect(unquoteName("\\303\\251")).toBe("é");
  });

  test.each(["a\\", "\\q", "\\x1", 'a"b', "\\ud800", "\\U00110000", "\\777"])(
    "%j is no quoted name",
    (text) => {
      expect(unquoteName(text)).toBeUndefined();
    },
  );
});

describe("times", () => {
  test.each([
    [0n, "1970-01-01T00:00:00Z"],
    [1_500_000_000_100_000_000n, "2017-07-14T02:40:00.1Z"],
    [1_500_000_000_000_000_001n, "2017-07-14T02:40:00.000000001Z"],
    [-1n, "1969-12-31T23:59:59.999999999Z"],
  ])("%s ns are %s", (ns, text) => {
    expect(goTime(ns)).toBe(text);
    expect(epochNs(text)).toBe(ns);
  });

  test("other zones are understood, and what is no time is not", () => {
    expect(epochNs("2015-01-02T18:10:50.895208559+01:00")).toBe(1_420_218_650_895_208_559n);
    for (const text of ["", "yesterday", "2015-01-02", "2015-13-02T00:00:00Z"])
      expect(epochNs(text)).toBeUndefined();
  });
});

test("modes come back, and are restic's", () => {
  for (const type of NODE_TYPES)
    for (const unix of [0, 0o644, 0o1777, 0o4755, 0o7777])
      expect(unixMode({ mode: modeOf(type, unix) })).toBe(unix);
  expect(modeOf("dir", 0o755)).toBe(2_147_484_141);
  expect(modeOf("file", 0o4755)).toBe(8_389_101);
  expect(modeOf("dir", 0o1777)).toBe(2_148_532_735);
  expect(modeOf("chardev", 0o644)).toBe(69_206_436);
});

test("restic's tree is read, and written again byte for byte", () => {
  const nodes = parseTree(RESTIC_TREE, "the tree");
  expect(nodes.map(({ name }) => name)).toContain("new\nline\x7f\u0080");
  expect(idCount(nodes.find(({ name }) => name === "zeros")?.content ?? new Uint8Array())).toBe(6);
  // This restic loses a byte of a link's target, and what it has put instead it would itself write in another way.
  expect(Buffer.from(treeText(nodes)).toString()).toBe(RESTIC_TREE.toString().replace("\\ufffd", "\ufffd"));
});

test("an empty tree is restic's empty tree", () => {
  expect(Buffer.from(treeText([])).toString()).toBe('{"nodes":[]}\n');
  expect(parse({ nodes: null })).toEqual([]);
});

const name = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map(nameOfBytes)
  .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== "..");
const content = fc
  .integer({ min: 0, max: 5 })
  .chain((count) => fc.uint8Array({ minLength: count * ID_BYTES, maxLength: count * ID_BYTES }));
const node: fc.Arbitrary<TreeNode> = fc
  .record({ name, content, uid: fc.nat(), link: name })
  .map((made) =>
    made.uid % 3 === 0
      ? { ...newNode("symlink", { uid: made.uid }), name: made.name, linkTarget: made.link }
      : { ...newNode("file", { uid: made.uid }), name: made.name, content: made.content, size: 0 },
  );

test("any tree comes back", () => {
  fc.assert(
    fc.property(fc.uniqueArray(node, { selector: (each) => each.name, maxLength: 8 }), (nodes) => {
      const back = parseTree(treeText(nodes), "the tree");
      const byName = new Map(nodes.map((each) => [each.name, each]));
      expect(back.map((each) => each.name)).toEqual(
        [...byName.keys()].sort((a, b) => Buffer.compare(bytesOfName(a), bytesOfName(b))),
      );
      for (const each of back) {
        const made = byName.get(each.name) as TreeNode;
        expect({ ...each, content: hex(each.content ?? new Uint8Array()) }).toEqual({
          ...made,
          content: hex(made.content ?? new Uint8Array()),
        });
      }
    }),
  );
});

test("a tree with a name twice, or none, is not written", () => {
  const twice = { ...newNode("dir"), name: "a", subtree: "0".repeat(64) };
  expect(() => treeText([twice, twice])).toThrow("twice");
  for (const bad of ["", "..", "a/b", "a\0"])
    expect(() => treeText([{ ...twice, name: bad }])).toThrow("name");
});

describe("lists of content", () => {
  const id = (digit: string) => digit.repeat(64);

  test("are taken out, wherever space is", () => {
    const text = ` { "nodes" : [ { "x" : "content" , "content" : [ "${id("a")}" , "${id("B").toLowerCase()}" ] } ] } `;
    const { json, contents } = liftContents(Buffer.from(text));
    expect(JSON.parse(json)).toEqual({ nodes: [{ x: "content", content: 0 }] });
    expect(contents.map((list) => [hex(idAt(list, 0)), hex(idAt(list, 1))])).toEqual([[id("a"), id("b")]]);
  });

  test("stay where they are no node's, or a string", () => {
    const json = { content: [1], nodes: [{ a: { content: [2] }, b: ['"content":[', "\\"], content: null }] };
    expect(JSON.parse(liftContents(Buffer.from(JSON.stringify(json))).json)).toEqual(json);
  });

  test.each([
    '["a"]',
    `["${id("g")}"]`,
    `["${id("a")}",]`,
    `["${id("a")}" "${id("a")}"]`,
    "[1]",
    "[",
    `["${id("a")}`,
  ])("%s is refused", (list) => {
    expect(() =>
      parseTree(Buffer.from(`{"nodes":[{"name":"a","type":"file","content":${list}}]}`), "it"),
    ).toThrow("damaged");
  });

  test("any other field of a node is as JSON.parse reads it", () => {
    const fields = fc.dictionary(
      fc.string().filter((key) => key !== "content"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.array(fields), fields, fc.nat(2), (nodes, rest, space) => {
        const tree = { ...rest, nodes };
        const { json, contents } = liftContents(Buffer.from(JSON.stringify(tree, undefined, space)));
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(tree)));
        expect(contents).toEqual([]);
      }),
    );
  });
});

describe("a hostile tree", () => {
  test.each([
    ["a path", file({ name: "../../etc/passwd" })],
    ["two dots", file({ name: ".." })],
    ["no name", file({ name: "" })],
    ["a zero", file({ name: "a\\x00b" })],
    ["a slash by its code", file({ name: "a\\x2fb" })],
    ["an open quote", file({ name: 'a"b' })],
    ["no content", { name: "a", type: "file" }],
    ["another's content", file({ content: 3 })],
    ["content that is null", file({ content: null })],
    ["a directory without a tree", { name: "a", type: "dir" }],
    ["a tree that is no id", { name: "a", type: "dir", subtree: "../x" }],
    ["a type of nothing", file({ type: "door" })],
    ["a negative size", file({ size: -1 })],
    ["a size beyond all bounds", file({ size: 1e300 })],
    ["a time that is none", file({ mtime: "soon" })],
    ["a very long name", file({ name: "a".repeat(5000) })],
  ])("with %s is damaged", (_, bad) => {
    expect(() => parse({ nodes: [bad] })).toThrow(EngineError);
  });

  test("with a name twice is damaged", () => {
    expect(() => parse({ nodes: [file(), file()] })).toThrow("twice");
  });

  test("of any bytes is read or damaged, and nothing else", () => {
    const mutated = fc.tuple(fc.nat(RESTIC_TREE.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(RESTIC_TREE);
      bytes[at] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          for (const each of parseTree(bytes, "the tree")) expect(each.name).not.toMatch(/[/\0]/);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
