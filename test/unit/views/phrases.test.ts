import { expect, test } from "vitest";
import {
  imageText,
  listText,
  longProgressText,
  percentOf,
  progressText,
  sizeText,
} from "../../../src/views/phrases.ts";

test.each([
  [{ phase: "download", done: 43, total: 100 }, "downloading 43 %", "Downloading 43 % of 100 B"],
  [{ phase: "download", done: 5 * 2 ** 20 }, "downloading 5 MiB", "Downloading 5 MiB"],
  [{ phase: "download" }, "downloading", "Downloading"],
  [{ phase: "verify", done: 1, total: 3 }, "verifying 33 %", "Verifying 33 %"],
  [
    { phase: "cloud-init", message: "running modules:final" },
    "setting up",
    "Setting up · running modules:final",
  ],
  [{ phase: "defrost" }, "defrost", "Defrost"],
])("%j reads %s", (progress, short, long) => {
  expect(progressText(progress)).toBe(short);
  expect(longProgressText(progress)).toBe(long);
});

test("a percentage never leaves its bounds", () => {
  expect(percentOf({ phase: "x", done: 5, total: 4 })).toBe(100);
  expect(percentOf({ phase: "x", done: 0, total: 4 })).toBe(0);
  expect(percentOf({ phase: "x", done: 3 })).toBeUndefined();
});

test.each([
  [2 ** 30, "1 GiB"],
  [1.5 * 2 ** 30, "1.5 GiB"],
  [512, "512 B"],
  [128 * 2 ** 20, "128 MiB"],
])("%i bytes are %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));

test("an image that is not known yet is called as the user called it", () => {
  expect(imageText({ reference: "noble", os: "", release: "", version: "" })).toBe("noble");
  expect(imageText({ reference: "debian", os: "Debian", release: "12", version: "1" })).toBe("Debian 12");
});

test.each([
  [["a"], "a"],
  [["a", "b"], "a and b"],
  [["a", "b", "c"], "a, b and c"],
  [["a", "b", "c", "d", "e"], "a, b, c and 2 more"],
])("%j reads %s", (names, text) => expect(listText(names)).toBe(text));
