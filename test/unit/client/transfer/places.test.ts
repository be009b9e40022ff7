/** What the ends of a transfer may be called. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { baseName, checkPlaces, placeOf } from "../../../../src/client/transfer/places.ts";
import { partsOf } from "../../../../src/client/transfer/unpack.ts";

test.each([
  ["web:/etc/hosts", "linux", { at: "guest", instance: "web", path: "/etc/hosts" }],
  ["web:", "linux", { at: "guest", instance: "web", path: "." }],
  ["web:a:b", "darwin", { at: "guest", instance: "web", path: "a:b" }],
  ["C:\\a", "win32", { at: "host", path: "C:\\a" }],
  ["C:a", "linux", { at: "guest", instance: "C", path: "a" }],
  ["./a:b", "linux", { at: "host", path: "./a:b" }],
  ["/a:b", "linux", { at: "host", path: "/a:b" }],
  ["file", "linux", { at: "host", path: "file" }],
  [":x", "linux", { at: "host", path: ":x" }],
  ["-", "linux", { at: "stream" }],
] as const)("%s on %s", (text, platform, place) => expect(placeOf(text, platform)).toEqual(place));

const guest = { at: "guest", instance: "web", path: "a" } as const;
const host = { at: "host", path: "a" } as const;
const stream = { at: "stream" } as const;

test.each([
  [[], guest, /a source and a target/],
  [[host], host, /neither end is in an instance/],
  [[stream], host, /neither end/],
  [[stream, host], guest, /- stands for one file/],
  [[host, guest], guest, /cannot be mixed/],
] as const)("%j to %j is refused", (sources, target, words) => {
  expect(() => checkPlaces(sources, target)).toThrow(words);
});

test.each([
  [[host], guest],
  [[guest, guest], host],
  [[stream], guest],
  [[guest], stream],
  [[guest], guest],
] as const)("%j to %j is a transfer", (sources, target) =>
  expect(() => checkPlaces(sources, target)).not.toThrow(),
);

test("names at the target", () => {
  expect(baseName({ ...guest, path: "/var/log/x" })).toBe("x");
  expect(baseName({ ...guest, path: "/var/log/" })).toBe("log");
  for (const path of [".", "/", "..", "a/.."]) expect(baseName({ ...guest, path })).toBe("");
});

test.each(["../x", "a/../../x", "/etc/passwd", "a//b", "", "a/./b", "a\0b", ".."])(
  "an entry called %j is refused",
  (name) => {
    expect(() => partsOf(name, "linux")).toThrow(/leads out of the target/);
  },
);

test.each(["C:/x", "a\\b", "con", "NUL.txt", "a/com1", "x.", "x "])(
  "an entry called %j is refused on Windows",
  (name) => {
    expect(() => partsOf(name, "win32")).toThrow(/leads out of the target/);
  },
);

test("whatever a guest calls an entry, it stays beneath the root or is refused", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30, unit: "binary" }), (name) => {
      let parts: string[];
      try {
        parts = partsOf(name, "linux");
      } catch {
        return;
      }
      expect(parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[/\0]/.test(part))).toBe(
        true,
      );
    }),
  );
});
