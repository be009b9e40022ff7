import { expect, test } from "vitest";
import { readRecords, replaced, withActive } from "../../../src/views/terminal-records.ts";

const [a, b, c] = ["a", "b", "c"].map((id) => ({ id, instance: `of ${id}` })) as [
  { id: string; instance: string },
  { id: string; instance: string },
  { id: string; instance: string },
];

test("what was stored is read, and what is no record is left out", () => {
  expect(readRecords([a, { ...b, isActive: true }])).toEqual([a, { ...b, isActive: true }]);
  for (const nothing of [undefined, null, {}, "a", 7]) expect(readRecords(nothing)).toEqual([]);
  expect(
    readRecords([null, 7, {}, { id: "a" }, { id: 1, instance: "x" }, { id: "", instance: "x" }, c]),
  ).toEqual([c]);
});

test("another shell in the same terminal takes the place of the one before it", () => {
  expect(replaced([], undefined, a)).toEqual([a]);
  expect(replaced([a], undefined, b)).toEqual([a, b]);
  expect(replaced([a, b], "a", c)).toEqual([c, b]);
  expect(replaced([a, b], "a", undefined)).toEqual([b]);
  expect(replaced([a], "gone", undefined)).toEqual([a]);
  expect(replaced([a], "gone", b)).toEqual([a, b]);
});

test("one of them was shown last", () => {
  const first = withActive([a, b], "b");
  expect(first).toEqual([a, { ...b, isActive: true }]);
  expect(withActive(first, "a")).toEqual([{ ...a, isActive: true }, b]);
});
