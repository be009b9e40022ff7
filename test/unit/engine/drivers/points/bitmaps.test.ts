/** Which notes of a disk's changes are believed, and which go. */
import { expect, test } from "vitest";
import {
  type Bitmap,
  bitmapOf,
  isTrusted,
  useless,
} from "../../../../../src/engine/drivers/qemu/points/bitmaps.ts";

const good: Bitmap = { name: "bk-one", recording: true, busy: false, inconsistent: false };
const since = { id: "one", generations: { disk: 3, extra: 0 } };

test.each<[string, Parameters<typeof isTrusted>, boolean]>([
  ["one that speaks for itself", [[good], since, { id: "disk", generation: 3 }], true],
  ["one among others", [[{ ...good, name: "bk-two" }, good], since, { id: "extra", generation: 0 }], true],
  ["none where nothing is asked for", [[good], undefined, { id: "disk", generation: 3 }], false],
  ["none", [[], since, { id: "disk", generation: 3 }], false],
  ["one of another point", [[{ ...good, name: "bk-two" }], since, { id: "disk", generation: 3 }], false],
  [
    "one whose name begins alike",
    [[{ ...good, name: "bk-one-1" }], since, { id: "disk", generation: 3 }],
    false,
  ],
  ["one that is not ours", [[{ ...good, name: "one" }], since, { id: "disk", generation: 3 }], false],
  [
    "one that does not record",
    [[{ ...good, recording: false }], since, { id: "disk", generation: 3 }],
    false,
  ],
  ["one that is in use", [[{ ...good, busy: true }], since, { id: "disk", generation: 3 }], false],
  [
    "one whose QEMU was killed",
    [[{ ...good, inconsistent: true }], since, { id: "disk", generation: 3 }],
    false,
  ],
  ["one of a disk that was changed by others", [[good], since, { id: "disk", generation: 4 }], false],
  ["one of a disk that was set back", [[good], since, { id: "disk", generation: 2 }], false],
  ["one of a disk that was not there", [[good], since, { id: "new", generation: 0 }], false],
])("%s", (_what, asked, trusted) => {
  expect(isTrusted(...asked)).toBe(trusted);
});

test("a kept point leaves itself and those that others go by; one that is not kept takes itself away alone", () => {
  const bitmaps = ["bk-one", "bk-two", "bk-mine", "foreign", ""].map((name) => ({ name }));
  const request = { id: "mine", keep: ["two", "absent"] };
  expect(useless(bitmaps, request, true)).toEqual(["bk-one"]);
  expect(useless(bitmaps, request, false)).toEqual(["bk-mine"]);
  expect(useless([{ name: "bk-one" }], request, false)).toEqual([]);
});

test.each(["", "-", "A", "a b", "../x", "a".repeat(101), "a,b"])("no point is called %j", (id) => {
  expect(() => bitmapOf(id)).toThrow("no point is called that");
});
