import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineError } from "../../../src/base/errors.ts";
import { formatBytes, formatDuration, parseSize } from "../../../src/base/units.ts";

test.each([
  ["1024", 1024],
  ["512M", 512 * 2 ** 20],
  ["1G", 2 ** 30],
  ["1.5GiB", 1.5 * 2 ** 30],
  ["2kb", 2048],
  ["10B", 10],
  [" 3 g ", 3 * 2 ** 30],
  ["0.5K", 512],
  ["1T", 2 ** 40],
])("parseSize(%j)", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "1CiG", "-1G", "1.5", "G", "1e3", "0x10", "1 G G", "NaN", "9".repeat(30), "１G"])(
  "parseSize refuses %j with Multipass's words",
  (text) => {
    expect(() => parseSize(text)).toThrow(EngineError);
    expect(() => parseSize(text)).toThrow(`${text} is not a valid memory size`);
  },
);

test("whatever formatBytes writes, parseSize reads back to within its one decimal", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
      const again = parseSize(formatBytes(bytes));
      expect(Math.abs(again - bytes)).toBeLessThanOrEqual(Math.max(1, bytes * 0.051));
    }),
  );
});

test.each([
  [0, "0B"],
  [1023, "1023B"],
  [1536, "1.5KiB"],
  [2 ** 30, "1GiB"],
  [5 * 2 ** 40, "5TiB"],
])("formatBytes(%d)", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [900, "1s"],
  [95_000, "1m 35s"],
  [3_700_000, "1h 1m"],
])("formatDuration(%d)", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
