import { expect, test } from "vitest";
import { formatPlaces, moveOf } from "../../../src/cli/storage.ts";

test.each([
  ["big", {}, { what: ["instances", "images"], running: "refuse", directory: "/here/big" }],
  ["/big", { images: true }, { what: ["images"], running: "refuse", directory: "/big" }],
  [
    "/big",
    { instances: true, suspend: true },
    { what: ["instances"], running: "suspend", directory: "/big" },
  ],
  ["/big", { instances: true, all: true, stop: true }, { what: ["instances", "images"], running: "stop" }],
  [undefined, { back: true }, { what: ["instances", "images"], running: "refuse" }],
] as const)("moves to %s with %o", (directory, options, expected) => {
  expect(moveOf(directory, options, "/here")).toMatchObject(expected);
});

test.each([
  [undefined, {}],
  ["/big", { back: true }],
] as const)("refuses %s with %o", (directory, options) => {
  expect(() => moveOf(directory, options, "/here")).toThrow("give a directory, or --back, and not both");
});

test("shows what is not there as that", () => {
  const place = { moved: true, usedBytes: 2 ** 30, freeBytes: 2 ** 31, totalBytes: 2 ** 32 };
  const places = [
    { what: "instances", directory: "/a/instances", present: true, ...place },
    { what: "images", directory: "/b/images", moved: true, present: false, usedBytes: 0 },
  ] as const;
  expect(formatPlaces(places, "table")).toBe(
    [
      "What       Used  Free  Directory",
      "instances  1GiB  2GiB  /a/instances",
      "images     --    --    /b/images (not there: mount its disk)",
      "",
    ].join("\n"),
  );
  expect(JSON.parse(formatPlaces(places, "json"))).toEqual({ storage: places });
});
