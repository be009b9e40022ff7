import path from "node:path";
import { describe, expect, test } from "vitest";
import { cleanTarget, directoryIn } from "../../../../src/base/mount-text.ts";
import { targetProblem } from "../../../../src/engine/instances/mounts.ts";

test.each([
  ["Home", "Home"],
  ["~/Home/", "Home"],
  ["./a//b/.", "a/b"],
  ["/srv//data/", "/srv/data"],
  ["/", "/"],
  ["~", "~"],
])("the target %s is kept as %s", (target, clean) => {
  expect(cleanTarget(target)).toBe(clean);
});

test.each([
  "/",
  "/dev",
  "/dev/shm",
  "/proc/1",
  "/sys/x",
  "/etc",
  "/usr",
  "/home",
  "/home/ubuntu",
  "/root",
  "..",
  "a/../../etc",
  "/srv/../etc",
  "~root/x",
  "~",
  "",
  "a\nb",
])("nothing is mounted at %j", (target) => {
  expect(targetProblem(cleanTarget(target))).toBeTypeOf("string");
});

test.each(["Home", "/srv", "/mnt/data", "/home/ubuntu/work", "/usr/local/src", "a b/c", "...", "/etcetera"])(
  "something may be mounted at %s",
  (target) => {
    expect(targetProblem(cleanTarget(target))).toBeUndefined();
  },
);

describe("a directory of the host in the guest", () => {
  const mounts = [
    { source: "/home/u", target: "Home" },
    { source: "/home/u/work/deep", target: "/srv/deep" },
  ];
  test.each([
    ["/home/u", "Home"],
    ["/home/u/work", "Home/work"],
    ["/home/u/work/deep", "/srv/deep"],
    ["/home/u/work/deep/er/x", "/srv/deep/er/x"],
    ["/home/u/work/deeper", "Home/work/deeper"],
    ["/home/u/..x", "Home/..x"],
    ["/home/user", undefined],
    ["/home", undefined],
    ["/", undefined],
  ])("%s is %s", (directory, expected) => {
    expect(directoryIn(mounts, directory, path.posix)).toBe(expected);
  });
  test.each([
    ["C:\\Users\\Ann\\work\\a", "Home/work/a"],
    ["c:\\users\\ann", "Home"],
    ["C:\\Users\\Anna", undefined],
    ["D:\\Users\\Ann", undefined],
  ])("%s is %s on Windows", (directory, expected) => {
    expect(directoryIn([{ source: "C:\\Users\\Ann", target: "Home" }], directory, path.win32)).toBe(expected);
  });
});
