/** The block in the user's SSH configuration: whatever the file is, it comes back byte for byte. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { findBlock, withBlock, withoutBlock } from "../../../../src/client/remote/user-config.ts";

const LINES = ['Include "/data/ssh/config"'];
const BOM = "\u00ef\u00bb\u00bf";

/** Any bytes but NUL, which makes it no text, as they are read: latin-1. */
const bytes = fc.uint8Array({ min: 1, maxLength: 200 }).map((all) => Buffer.from(all).toString("latin1"));
const piece = fc.constantFrom(
  ...["Host *", "  User me", "\n", "\r\n", "\r", "", "# >>> berth", "# >>> berth >>> x", " # <<< berth <<<"],
  ...["Include a", "\t", "$&", "$1", "$`", "ü"],
);
const file = fc
  .tuple(fc.constantFrom("", BOM), fc.array(fc.oneof(piece, bytes), { maxLength: 30 }))
  .map(([bom, parts]) => bom + parts.join(""));

function blockless(text: string): boolean {
  try {
    return findBlock(text, "f") === undefined;
  } catch {
    return false;
  }
}

test("any file in, the same file out", () => {
  fc.assert(
    fc.property(file.filter(blockless), (text) => {
      const changed = withBlock(text, LINES, "f");
      expect(changed.endsWith(text.startsWith(BOM) ? text.slice(BOM.length) : text)).toBe(true);
      expect(findBlock(changed, "f")?.lines).toEqual(LINES);
      expect(withoutBlock(changed, "f")).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test("a second time changes nothing, and other lines take the place of the first ones", () => {
  fc.assert(
    fc.property(file.filter(blockless), (text) => {
      const once = withBlock(text, LINES, "f");
      expect(withBlock(once, LINES, "f")).toBe(once);
      const other = withBlock(once, ["Include $&", "Host *"], "f");
      expect(findBlock(other, "f")?.lines).toEqual(["Include $&", "Host *"]);
      expect(withoutBlock(other, "f")).toBe(text);
    }),
  );
});

test("it may have been moved, and lines added around it", () => {
  fc.assert(
    fc.property(file.filter(blockless), file.filter(blockless), (above, below) => {
      const [first, second] = [`${above.replaceAll(BOM, "")}\n`, below.replaceAll(BOM, "")];
      fc.pre(blockless(first + second) && blockless(second));
      const moved = first + withBlock(second, LINES, "f");
      expect(withoutBlock(moved, "f")).toBe(first + second);
    }),
  );
});

test.each([
  [
    "nothing",
    undefined,
    '# >>> berth, which made this file >>>\nInclude "/data/ssh/config"\n# <<< berth <<<\n',
  ],
  ["empty", "", '# >>> berth >>>\nInclude "/data/ssh/config"\n# <<< berth <<<\n'],
  [
    "lines that end as on Windows",
    "Host a\r\n  User b",
    '# >>> berth >>>\r\nInclude "/data/ssh/config"\r\n# <<< berth <<<\r\nHost a\r\n  User b',
  ],
  [
    "a mark of byte order",
    `${BOM}Host a\n`,
    `${BOM}# >>> berth >>>\nInclude "/data/ssh/config"\n# <<< berth <<<\nHost a\n`,
  ],
])("a file with %s", (_what, before, after) => {
  expect(withBlock(before, LINES, "f")).toBe(after);
  expect(withoutBlock(after, "f")).toBe(before);
});

test("a file that was made for it stays where the user has written more into it", () => {
  const made = withBlock(undefined, LINES, "f");
  expect(withoutBlock(`${made}Host a\n`, "f")).toBe("Host a\n");
  expect(withoutBlock(withBlock(made, ["Host *"], "f"), "f")).toBeUndefined();
});

test.each([
  ["# >>> berth >>>\nInclude x\n"],
  ["Host a\n# <<< berth <<<\n"],
  ["# <<< berth <<<\n# >>> berth >>>\n"],
  ["# >>> berth >>>\n# >>> berth >>>\n# <<< berth <<<\n"],
  ["# >>> berth >>>\n# <<< berth <<<\n# >>> berth, which made this file >>>\n# <<< berth <<<\n"],
])("damaged markers %j are refused", (text) => {
  const damaged = expect.objectContaining({
    code: "wrong-state",
    hint: expect.stringContaining("# >>> berth >>>"),
  });
  expect(() => withBlock(text, LINES, "f")).toThrow(damaged);
  expect(() => withoutBlock(text, "f")).toThrow(damaged);
});

test("UTF-16 is refused, for ssh could not read it", () => {
  const text = Buffer.from("\ufeffHost a\n", "utf16le").toString("latin1");
  expect(() => withBlock(text, LINES, "f")).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
