/** What of a file is written and what stays a hole, and what lies within what. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { written } from "../../../../src/engine/storage/copy-tree.ts";
import { isWithin } from "../../../../src/engine/storage/new-place.ts";

const BLOCK = 64 * 1024;

test("everything that is not zero is written, in as few parts as can be, and whole blocks of zeros are not", () => {
  const block = fc.constantFrom(0, 1, 255);
  fc.assert(
    fc.property(fc.array(block, { maxLength: 6 }), fc.nat({ max: BLOCK - 1 }), (fills, tail) => {
      const bytes = Buffer.concat([...fills.map((fill) => Buffer.alloc(BLOCK, fill)), Buffer.alloc(tail, 1)]);
      const copy = Buffer.alloc(bytes.length);
      const parts = written(bytes);
      for (const { start, end } of parts) bytes.copy(copy, start, start, end);
      expect(copy.equals(bytes)).toBe(true);
      const holes = fills.filter((fill) => fill === 0).length;
      const size = parts.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(size).toBe(bytes.length - holes * BLOCK);
      for (const [index, { start }] of parts.entries())
        if (index > 0) expect(start).toBeGreaterThan(parts[index - 1]?.end ?? 0);
    }),
  );
});

test.each([
  ["/a/b", "/a/b", true],
  ["/a/b/c", "/a/b", true],
  ["/a/bc", "/a/b", false],
  ["/a/..b", "/a", true],
  ["/a", "/a/b", false],
  ["/", "/a", false],
])("%s within %s: %s", (file, directory, expected) => {
  expect(isWithin(file, directory)).toBe(expected);
});
