import { describe, expect, test } from "vitest";
import { parsePrepared, reasonOf } from "../../../../src/engine/guest/mount-scripts.ts";

const told =
  "installing\noption=passive,no_contain_symlinks\ntarget=/home/u/a=b\nuser=1000\ngroup=1001\nboot=b0\n";

test("the guest's answer is read line by line, and a target may hold anything but a line's end", () => {
  expect(parsePrepared(told)).toEqual({
    ...{ target: "/home/u/a=b", user: 1000, group: 1001, bootId: "b0" },
    ...{ option: "passive,no_contain_symlinks", sudo: ["sudo", "-n"] },
  });
  expect(parsePrepared(told.replace("user=1000", "user=0")).sudo).toEqual([]);
});

describe("an answer that makes no sense", () => {
  test.each(["", "target=/x\n", told.replace("user=1000", "user=me"), told.replace("group", "groups")])(
    "%j",
    (text) => {
      expect(() => parsePrepared(text)).toThrow("makes no sense");
    },
  );
});

test.each([
  [61, "", "the guest has a file there"],
  [62, "tmpfs", "something else is mounted there (tmpfs)"],
  [63, "a\nE: no network", "sshfs is missing in the guest and could not be installed: E: no network"],
  [64, "", "the guest's kernel lacks the file system"],
  [65, "", "the guest is shutting down"],
  [66, "", "the guest's user may not become root without a password"],
  [32, "mount: no", "mount: no"],
  [9, "", "the guest ended it with 9"],
])("an exit of %s with %j means: %s", (code, words, reason) => {
  expect(reasonOf(code, words)[0]).toBe(reason);
});
