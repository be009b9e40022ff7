/** What guests print, as models and people see it. */
import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CappedBytes, cappedText, readCapped } from "../../../src/agent/capped.ts";
import { isText } from "../../../src/agent/plain.ts";
import { patchOf } from "../../../src/agent/sandbox/diff-text.ts";
import { plainText } from "../../../src/base/plain-text.ts";

test.each([
  ["\u001b[31mred\u001b[0m", "red"],
  ["\u001b]0;title\u0007text", "text"],
  ["a\r\nb\rc", "a\nb\nc"],
  ["\u202Eevil\u2066", "<U+202E>evil<U+2066>"],
  ["zero\u200bwidth", "zero<U+200B>width"],
  ["tag\u{e0041}", "tag<U+E0041>"],
  ["ü 漢 🙂", "ü 漢 🙂"],
])("%j becomes %j", (text, plain) => {
  expect(plainText(text)).toBe(plain);
});

test("whatever comes, nothing of it moves a cursor or turns text round", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      expect(plainText(text)).not.toMatch(/[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test("of any output the beginning and the end are kept, and no more than was asked for", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 40 }),
      fc.integer({ min: 2, max: 500 }),
      (pieces, max) => {
        const kept = new CappedBytes(max);
        for (const piece of pieces) kept.add(Buffer.from(piece));
        const all = Buffer.concat(pieces);
        const { head, tail, totalBytes } = kept.value;
        expect(totalBytes).toBe(all.length);
        expect(head.length + tail.length).toBeLessThanOrEqual(max);
        expect(all.subarray(0, head.length).equals(head)).toBe(true);
        expect(all.subarray(all.length - tail.length).equals(tail)).toBe(true);
        if (all.length <= max - 1) expect(head.length + tail.length).toBe(all.length);
      },
    ),
  );
});

test("10 MB become a beginning, an end, and word of what is missing", async () => {
  const text = `first\n${"x".repeat(10_000_000)}\nlast\n`;
  const capped = cappedText(
    await readCapped(
      Readable.from(
        Array.from({ length: 200 }, (_, n) => Buffer.from(text.slice(n * 65_536, (n + 1) * 65_536))),
      ),
      2000,
    ),
  );
  expect(capped.length).toBeLessThan(2200);
  expect(capped).toMatch(/^first\nx+\n\[… 9\.5MiB of 9\.5MiB left out …\]\nx+\nlast\n$/);
});

test("a character that is cut in two leaves no half", () => {
  const kept = new CappedBytes(9);
  kept.add(Buffer.from("ü".repeat(50)));
  expect(cappedText(kept.value)).not.toContain("\ufffd");
});

test.each([
  [Buffer.from("text\n"), true],
  [Buffer.from([]), true],
  [Buffer.from([0]), false],
  [Buffer.from([0xff, 0xfe]), false],
])("%j is text: %s", (bytes, is) => {
  expect(isText(bytes)).toBe(is);
});

test("texts of which nothing is alike are compared in bounded time", () => {
  const lines = (seed: number) =>
    Array.from({ length: 60_000 }, (_, n) => `${(n * seed) % 65_521}`).join("\n");
  const change = { path: "a", kind: "modified" as const };
  const started = Date.now();
  const patch = patchOf(change, { text: lines(7) }, { text: lines(11) });
  expect(patch).toContain("diff --git a/a b/a");
  expect(Date.now() - started).toBeLessThan(20_000);
});

test("a name that would break a diff is quoted", () => {
  const change = { path: 'a"\t', kind: "added" as const };
  expect(patchOf(change, { text: "" }, { text: "x\n" })).toBe(
    'diff --git "a/a\\"\\t" "b/a\\"\\t"\nnew file mode 100644\n--- /dev/null\n+++ "b/a\\"\\t"\n@@ -0,0 +1,1 @@\n+x\n',
  );
});
