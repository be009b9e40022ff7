import fc from "fast-check";
import { expect, test } from "vitest";
import { OutputTail } from "../../../../src/engine/guest/output-tail.ts";

function tailOf(size: number, ...chunks: string[]): OutputTail {
  const tail = new OutputTail(size);
  for (const chunk of chunks) tail.push(Buffer.from(chunk, "latin1"));
  return tail;
}

test("everything, while it fits", () => {
  expect(String(tailOf(8).bytes())).toBe("");
  expect(String(tailOf(8, "ab", "cd\n", "ef").bytes())).toBe("ab" + "cd\nef");
  expect(String(tailOf(4, "abcd").bytes())).toBe("abcd");
});

test("the last lines, whole, where it does not", () => {
  expect(String(tailOf(8, "first\n", "second\n").bytes())).toBe("second\n");
  expect(String(tailOf(4, "abcdef").bytes())).toBe("cdef");
});

test("of any chunks it keeps a suffix within its size, cut only at a line where there is one", () => {
  const chunk = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), fc.array(chunk, { maxLength: 12 }), (size, chunks) => {
      const all = chunks.join("");
      const kept = String(tailOf(size, ...chunks).bytes());
      const last = all.slice(-size);
      expect(all.endsWith(kept)).toBe(true);
      if (all.length <= size) expect(kept).toBe(all);
      else expect(kept).toBe(last.slice(last.indexOf("\n") + 1));
    }),
  );
});

test.each([
  ["who are you", "\x1b[c\x1b[0c\x1b[>c\x1b[>0q\x1b[=c\x1bZ"],
  ["where is the cursor", "\x1b[6n\x1b[?6n\x1b[5n"],
  ["modes", "\x1b[?2026$p\x1b[4$p"],
  ["colours", "\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]4;?\x07"],
  ["capabilities", "\x1bP+q544e\x1b\\\x1bP$qm\x1b\\"],
])("a terminal that is shown it again is not asked: %s", (_, questions) => {
  expect(tailOf(999, `a${questions}b`).replay().toString("latin1")).toBe("ab");
});

test("colours, titles, other movements and any bytes stay", () => {
  const kept = "\x1b[1;31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x1b[?1049h\x1b[3;4H\xff\xfe gr\xc3\xbcn\r\n";
  expect(tailOf(999, kept).replay().toString("latin1")).toBe(kept);
});
