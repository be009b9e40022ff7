import { expect, test } from "vitest";
import { hostBoot, sameBoot } from "../../../src/base/process-identity.ts";

test.each([
  ["a", "a", true],
  ["a", "b", false],
  ["~1000", "~1100", true],
  ["~1000", "~1121", false],
  ["~1000", "a", false],
])("%s and %s are of one boot: %s", (a, b, expected) => {
  expect(sameBoot(a, b)).toBe(expected);
  expect(sameBoot(b, a)).toBe(expected);
});

test("this boot is this boot", async () => {
  expect(sameBoot(await hostBoot(), await hostBoot())).toBe(true);
});
