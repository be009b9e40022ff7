/** Words that a real shell hands on unchanged. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { commandLine, quote } from "../../../../src/engine/guest/quote.ts";

const WORD = fc
  .string({ maxLength: 30, unit: "binary" })
  .filter((word) => !word.includes("\0") && word.isWellFormed());

test("any words reach the program as they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(WORD, { minLength: 1, maxLength: 30 }), async (words) => {
      const { stdout } = await run(["sh", "-c", `printf '%s\\0' ${words.map(quote).join(" ")}`]);
      expect(stdout.split("\0").slice(0, -1)).toEqual(words);
    }),
    { numRuns: 40 },
  );
});

test.each([
  [{ argv: ["uname", "-a"] }, "'uname' -a"],
  [{ argv: ["echo", "a b", "$HOME", "it's", ""] }, "'echo' 'a b' '$HOME' 'it'\\''s' ''"],
  [{ argv: ["pwd"], cwd: "/a b" }, "cd -- '/a b' && 'pwd'"],
  [{ argv: ["env"], env: { A: "1 2", B: "" } }, "env A='1 2' B='' env"],
  [{ tty: { cols: 80, rows: 24 } }, undefined],
])("%j", (request, line) => expect(commandLine(request)).toBe(line));

test("a program whose name is a word of the shell's is run all the same", async () => {
  for (const argv of [["if"], ["while"], ["a=b", "c"]]) {
    const line = commandLine({ argv }) ?? "";
    await expect(run(["sh", "-c", line])).rejects.toThrow(/not found/);
  }
});

test("a login shell is asked for by name where it needs a directory, and really starts there", async () => {
  const line = commandLine({ cwd: "/usr" }) ?? "";
  const { stdout } = await run(["sh", "-c", line], { input: "pwd\n", env: { SHELL: "/bin/sh" } });
  expect(stdout.trim()).toBe("/usr");
});

test.each([
  [{ argv: [] }, /none is given/],
  [{ argv: ["a\0b"] }, /NUL/],
  [{ argv: ["a"], env: { "A;rm": "1" } }, /variable's name/],
])("%j is refused", (request, words) => expect(() => commandLine(request)).toThrow(words));
