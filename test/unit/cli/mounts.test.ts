import path from "node:path";
import { expect, test } from "vitest";
import type { Mount } from "../../../src/api/mount.ts";
import { parseMount } from "../../../src/base/mount-text.ts";
import { mountSourcesJson, mountsCell, mountsJson, mountsText } from "../../../src/cli/mount-formats.ts";
import { parseTarget } from "../../../src/cli/mounts.ts";

test.each([
  ["web", { name: "web" }],
  ["web:/srv/data", { name: "web", path: "/srv/data" }],
  ["web:a:b", { name: "web", path: "a:b" }],
])("%s is a target", (text, expected) => {
  expect(parseTarget(text)).toEqual(expected);
});

test.each(["", ":", ":/srv", "web:"])("%j is none", (text) => {
  expect(() => parseTarget(text)).toThrow("is not a valid target");
});

test.each([
  ["/src", { source: "/src" }],
  ["/src:/dst", { source: "/src", target: "/dst" }],
  ["src:dst", { source: path.resolve("src"), target: "dst" }],
])("%s is a mount of a launch", (text, expected) => {
  expect(parseMount(text, process.cwd())).toEqual(expected);
});

test("a drive's colon is the source's", () => {
  expect(parseMount("C:\\work:dst", "/").target).toBe("dst");
  expect(parseMount("C:\\work", "/").target).toBeUndefined();
  for (const wrong of ["", ":", "/src:"])
    expect(() => parseMount(wrong, "/")).toThrow("is not a valid mount");
});

const mounts: Mount[] = [
  {
    ...{ source: "/home/u", target: "Home", type: "classic" },
    ...{ uids: [{ host: 1000, guest: -1 }], gids: [{ host: 1000, guest: 1001 }] },
  },
  { source: "/srv", target: "/data", type: "native", uids: [], gids: [] },
];

test("mounts in every format", () => {
  expect(mountsJson(mounts)).toEqual({
    Home: { uid_mappings: ["1000:default"], gid_mappings: ["1000:1001"], source_path: "/home/u" },
    "/data": { uid_mappings: [], gid_mappings: [], source_path: "/srv" },
  });
  expect(mountSourcesJson(mounts)).toEqual({
    Home: { source_path: "/home/u" },
    "/data": { source_path: "/srv" },
  });
  expect(mountsCell(mounts)).toBe("/home/u => Home;/srv => /data");
  expect(mountsText(mounts.slice(0, 1), { column: 4, maps: true })).toBe(
    "/home/u => Home\n        UID map: 1000:default\n        GID map: 1000:1001",
  );
  expect(mountsText(mounts, { column: 2, maps: false })).toBe("/home/u => Home\n  /srv    => /data");
  expect(mountsText([], { column: 2, maps: false })).toBe("--");
});
