import fc from "fast-check";
import { expect, test } from "vitest";
import { useIn } from "../../../../src/engine/guest/disk-use.ts";

test.each([
  ["", undefined],
  ["disk \n", undefined],
  ["disk \npart \n", undefined],
  ["disk /srv\n", "it is mounted at /srv"],
  ["disk \npart \npart /mnt/data\n", "it is mounted at /mnt/data"],
  ["disk [SWAP]\n", "swap is on it"],
  ["disk \npart \nlvm \n", "it is part of a lvm device"],
  ["disk \nraid1 \n", "it is part of a raid1 device"],
  ["disk \ncrypt /secret\n", "it is mounted at /secret"],
  // lsblk writes a space in a path as \x20.
  ["disk /a\\x20b\n", "it is mounted at /a\\x20b"],
])("%j is read as %s", (text, use) => {
  expect(useIn(text)).toBe(use);
});

test("whatever a guest prints, reading never fails", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(["string", "undefined"]).toContain(typeof useIn(text));
    }),
  );
});
