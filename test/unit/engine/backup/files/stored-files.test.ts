/** Where in a container's backup lies what is shown of it. */
import { describe, expect, test } from "vitest";
import { factsOfNode, placeIn } from "../../../../../src/engine/backup/files/stored-files.ts";
import { newNode } from "../../../../../src/engine/backup/repository/node.ts";

const volumes = [
  { name: "data", target: "/data", isAnonymous: false },
  { name: "deep", target: "/data/deep/", isAnonymous: true },
  { name: "all", target: "/srv/all", isAnonymous: false },
];

describe("a path", () => {
  test.each([
    ["/run/berth-backup/root", "/rootfs"],
    ["/run/berth-backup/root/", "/rootfs"],
    ["/run/berth-backup/root/etc/passwd", "/rootfs/etc/passwd"],
    ["/run/berth-backup/root/./etc//x", "/rootfs/etc/x"],
    ["/run/berth-backup/root/data", "/volumes/data"],
    ["/run/berth-backup/root/data/a/b", "/volumes/data/a/b"],
    ["/run/berth-backup/root/data/deep/c", "/volumes/deep/c"],
    ["/run/berth-backup/root/database", "/rootfs/database"],
    ["/run/berth-backup/data/a", "/volumes/data/a"],
    ["/run/berth-backup/data", "/volumes/data"],
    ["/run/berth-backup/other", undefined],
    ["/run/berth-backup/root/../../x", undefined],
    ["/run/berth-backup", undefined],
    ["/etc/passwd", undefined],
    ["root/etc", undefined],
  ])("%s", (path, place) => {
    expect(placeIn(volumes, path)).toBe(place);
  });
});

test("facts are as SFTP has them, whatever the time", () => {
  const node = { ...newNode("file", { unixMode: 0o4750, uid: 7, gid: 8, timeMs: 5500 }), name: "a", size: 3 };
  expect(factsOfNode(node)).toEqual({
    ...{ size: 3, owner: { uid: 7, gid: 8 }, mode: 0o104750 },
    times: { accessed: 5, modified: 5 },
  });
  for (const [mtime, modified] of [
    ["0001-01-01T00:00:00Z", 0],
    ["9999-01-01T00:00:00Z", 2 ** 32 - 1],
    ["none", 0],
  ] as const)
    expect(factsOfNode({ ...node, mtime }).times?.modified).toBe(modified);
});
