/** The keys that leave a main process: as they are written, and among what is typed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DETACH_KEYS, detachBytes } from "../../../src/api/detach-keys.ts";
import { DetachKeys } from "../../../src/cli/detach.ts";

test.each([
  [DETACH_KEYS, "\x10\x11"],
  ["ctrl-P,ctrl-q", "\x10\x11"],
  ["ctrl-@", "\0"],
  ["ctrl-]", "\x1d"],
  ["ctrl-x,q", "\x18q"],
  ["~,.", "~."],
  ["", undefined],
  ["ctrl-", undefined],
  ["ctrl-1", undefined],
  ["ctrl-p ctrl-q", undefined],
  ["ab", undefined],
  ["a,,b", undefined],
])("%j is %j", (text, bytes) => {
  expect(detachBytes(text)?.toString("latin1")).toBe(bytes);
});

/** What the process gets of these pieces, until it is left. */
function given(keys: string, pieces: readonly string[]): { typed: string; left: boolean } {
  const detaching = new DetachKeys(Buffer.from(keys, "latin1"));
  let typed = "";
  for (const piece of pieces) {
    const taken = detaching.take(Buffer.from(piece, "latin1"));
    typed += taken.typed.toString("latin1");
    if (taken.leaves) return { typed, left: true };
  }
  return { typed, left: false };
}

test.each([
  [["ls\r"], "ls\r", false],
  [["ab\x10\x11cd"], "ab", true],
  [["ab\x10", "\x11cd"], "ab", true],
  [["\x10", "x"], "\x10x", false],
  [["\x10", "\x10", "\x11"], "\x10", true],
  [["\x10"], "", false],
])("of %j the process gets %j, and is left: %j", (pieces, typed, left) => {
  expect(given("\x10\x11", pieces)).toEqual({ typed, left });
});

test("however it comes in pieces, what is before the keys arrives, and nothing of them or after", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
  const keys = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), keys, (pieces, keys) => {
      const whole = pieces.join("");
      const at = whole.indexOf(keys);
      const { typed, left } = given(keys, pieces);
      expect(left).toBe(at >= 0);
      if (left) expect(typed).toBe(whole.slice(0, at));
      else {
        expect(whole.startsWith(typed)).toBe(true);
        expect(keys.startsWith(whole.slice(typed.length))).toBe(true);
      }
    }),
  );
});
