import { expect, test } from "vitest";
import { NAME_PATTERN } from "../../../../src/api/names.ts";
import { generateName } from "../../../../src/engine/instances/names.ts";

/** A small repeatable source of chance. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state % below;
  };
}

test("names are valid, two words, and never taken", () => {
  const taken = new Set<string>();
  const draw = chance(7);
  for (let i = 0; i < 1500; i += 1) {
    const name = generateName((one) => taken.has(one), draw);
    expect(name).toMatch(NAME_PATTERN);
    expect(name).toMatch(/^[a-z]+-[a-z]+(-\d+)?$/);
    expect(taken.has(name)).toBe(false);
    taken.add(name);
  }
});

test("bad luck ends in a number", () => {
  const taken = new Set(["able-anchor", "able-anchor-2"]);
  expect(
    generateName(
      (one) => taken.has(one),
      () => 0,
    ),
  ).toBe("able-anchor-3");
});
