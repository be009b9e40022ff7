/** What a guest may call a file, and where a link of its may lead. */
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { targetInside } from "../../../src/agent/sandbox/accept.ts";
import { directoryName } from "../../../src/agent/sandbox/begin.ts";
import { changesBetween, countText, type FileEntry, isObeyed } from "../../../src/agent/sandbox/changes.ts";
import { refusalOf } from "../../../src/agent/sandbox/entry.ts";
import { batches } from "../../../src/agent/sandbox/guest-tree.ts";

const part = fc.oneof(
  fc.constantFrom(
    "..",
    ".",
    "",
    ".git",
    ".GIT",
    "git~1",
    ".g\u200cit",
    "a",
    "b c",
    "ü",
    "-x",
    "C:",
    "a\\b",
    "\0",
    "\n",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);
const hostile = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
const platforms = ["linux", "darwin", "win32"] as const;

test.each([
  ["src/a.ts", undefined],
  [".gitignore", undefined],
  ["../x", "out of the project"],
  ["/etc/passwd", "out of the project"],
  ["a//b", "out of the project"],
  ["a/./b", "out of the project"],
  [".git/config", "git's own"],
  ["sub/.GiT/hooks/x", "git's own"],
  ["GIT~1/config", "git's own"],
  [".g\u200cit/config", "git's own"],
  [".git /config", "git's own"],
  ["a\nb", "several lines"],
])("%j", (name, reason) => {
  const said = refusalOf(name, "linux");
  if (reason === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(reason);
});

test("whatever a guest calls a file: what is allowed lies beneath the folder, and in no git directory", () => {
  fc.assert(
    fc.property(hostile, fc.constantFrom(...platforms), (name, platform) => {
      if (refusalOf(name, platform) !== undefined) return;
      const p = platform === "win32" ? path.win32 : path.posix;
      const root = platform === "win32" ? "C:\\work\\project" : "/work/project";
      const file = p.join(root, ...name.split("/"));
      expect(file.startsWith(root + p.sep)).toBe(true);
      expect(p.relative(root, file).split(p.sep).join("/")).toBe(name);
      expect(name.toLowerCase().split("/")).not.toContain(".git");
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["a", "b", "b"],
  ["d/a", "../b", "b"],
  ["d/e/a", "../../b/c", "b/c"],
  ["d/a", ".", "d"],
  ["a", "..", undefined],
  ["a", "/etc", undefined],
  ["d/a", "../../b", undefined],
  ["a", "d/../b", undefined],
  ["a", "", undefined],
  ["a", "C:/x", undefined],
  ["a", "\\\\host\\x", undefined],
])("a link %s to %s leads to %s", (name, target, inside) => {
  expect(targetInside(name, target)).toBe(inside);
});

test("wherever a link leads that is let in, it is beneath the folder", () => {
  fc.assert(
    fc.property(hostile, hostile, (name, target) => {
      if (refusalOf(name, "linux") !== undefined) return;
      const inside = targetInside(name, target);
      if (inside === undefined) return;
      const lands = path.posix.resolve("/work/project", path.posix.dirname(name), target);
      expect(lands === "/work/project" || lands.startsWith("/work/project/")).toBe(true);
      expect(lands).toBe(path.posix.join("/work/project", inside));
    }),
    { numRuns: 2000 },
  );
});

test("names are put into command lines in their order, and none of those is too long", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 4000 }), { maxLength: 100 }), (names) => {
      const all = batches(names);
      expect(all.flat()).toEqual(names);
      for (const batch of all)
        expect(Buffer.byteLength(batch.join(""))).toBeLessThanOrEqual(Math.max(2 ** 16, 16_000));
    }),
  );
  expect(batches(Array.from({ length: 1001 }, () => "x")).map((one) => one.length)).toEqual([500, 500, 1]);
});

const entry = (name: string, sha256: string, more: Partial<FileEntry> = {}): FileEntry => ({
  ...{ path: name, kind: "file", executable: false, sha256 },
  ...more,
});

test("changes", () => {
  const before = [
    entry("same", "1"),
    entry("text", "1"),
    entry("mode", "1"),
    entry("gone", "1"),
    entry("kind", "1"),
  ];
  const after = [
    entry("kind", "1", { kind: "link" }),
    entry("mode", "1", { executable: true }),
    entry("new", "1"),
    entry("same", "1"),
    entry("text", "2"),
  ];
  const changes = changesBetween(before, after);
  expect(changes.map(({ path: name, kind }) => `${kind} ${name}`)).toEqual([
    "deleted gone",
    "modified kind",
    "modified mode",
    "added new",
    "modified text",
  ]);
  expect(countText(changes)).toBe("1 file added, 3 changed, 1 deleted");
  expect(countText([])).toBe("nothing changed");
});

test.each([
  [".vscode/tasks.json", true],
  ["sub/.envrc", true],
  [".github/workflows/ci.yml", true],
  ["src/tasks.json", false],
])("%s is obeyed by programs of this host: %s", (name, obeyed) => {
  expect(isObeyed(name)).toBe(obeyed);
});

test.each([
  ["/home/me/My Project", "My-Project"],
  ["/x/.hidden", "hidden"],
  ["/", "project"],
  ["/x/$(id)", "id-"],
])("%s is called %s in the guest", (folder, name) => {
  expect(directoryName(folder)).toBe(name);
});
