import { expect, test } from "vitest";
import type { StoredContainerImage } from "../../../src/api/container-image.ts";
import { wholeId } from "../../../src/cli/container-images.ts";
import { formatContainerImages } from "../../../src/cli/format.ts";

const ids = ["sha256:aaaa1111", "sha256:aaaa2222", "sha256:bbbb3333"].map((id) => ({ id }));

test.each([
  ["bbbb", "sha256:bbbb3333"],
  ["sha256:aaaa1", "sha256:aaaa1111"],
  ["aaaa", undefined], // Two begin so.
  ["cccc", undefined],
  ["bbb", undefined], // Too short to be meant as one.
  ["nginx", undefined],
])("%s is the beginning of %s", (wanted, id) => {
  expect(wholeId(ids, wanted)).toBe(id);
});

test("an image of two runtimes is still one id", () => {
  expect(wholeId([...ids, ...ids], "bbbb")).toBe("sha256:bbbb3333");
});

test("a table says who uses an image", () => {
  const image: StoredContainerImage = {
    ...{
      runtime: "podman",
      id: `sha256:${"0123456789ab".repeat(4)}`,
      references: ["a:1", "a:2"],
      digests: [],
    },
    ...{
      sizeBytes: 2 ** 20,
      createdAt: "2025-01-01T00:00:00Z",
      ours: true,
      inUse: true,
      usedBy: ["web", "db"],
    },
  };
  const nameless = { ...image, references: [], usedBy: [] };
  expect(
    formatContainerImages([image, nameless], "table")
      .split("\n")
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ["Image", "Id", "Size", "Runtime", "Used by"],
    ["a:1, a:2", "0123456789ab", "1MiB", "podman", "web,db"],
    ["--", "0123456789ab", "1MiB", "podman", "other containers"],
    [""],
  ]);
  expect(formatContainerImages([], "table")).toContain("No images");
  expect(JSON.parse(formatContainerImages([image], "json"))).toEqual({ images: [image] });
});
