import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import {
  execOf,
  instanceFor,
  npmGroup,
  npmScripts,
  readTask,
  type TaskWords,
} from "../../../src/views/task-definition.ts";
import { instance } from "./fixtures.ts";

const words = (more: Partial<TaskWords>): TaskWords => ({ type: "berth", ...more });
const folder = { path: "/home/ann/app", real: "/data/app" };
const mount = (source: string, target: string) => ({
  ...{ source, target, type: "classic" as const, uids: [], gids: [] },
});

test("a command's arguments reach it as they are; a shell's line is one word for the login shell", () => {
  expect(readTask(words({ command: "make", args: ["-j", "a b; c"] }))).toEqual({
    ...{ instance: undefined, argv: ["make", "-j", "a b; c"], cwd: undefined, env: undefined, start: true },
  });
  const { argv, start } = readTask(words({ shell: "make | tee log", start: false }));
  expect(argv.slice(-1)).toEqual(["make | tee log"]);
  expect(argv.slice(0, 2)).toEqual(["sh", "-c"]);
  expect(argv[2]).toContain("$" + "{SHELL:-/bin/sh}");
  expect(start).toBe(false);
});

test.each([
  [{}, /command: it is missing, and shell too/],
  [{ command: "a", shell: "b" }, /shell: command and shell are both given/],
  [{ shell: "b", args: ["c"] }, /args: they belong to command/],
  [{ command: "" }, /command: a text is needed/],
  [{ command: ["a"] }, /command: a text is needed/],
  [{ command: "a", args: "b" }, /args: a list of texts/],
  [{ command: "a", args: [1] }, /args: a list of texts/],
  [{ command: "a", env: ["A"] }, /env: names with texts/],
  [{ command: "a", env: { A: 1 } }, /env: names with texts/],
  [{ command: "a", cwd: 7 }, /cwd: a text is needed/],
  [{ command: "a", instance: {} }, /instance: a text is needed/],
  [{ command: "a", start: "no" }, /start: true or false/],
] as [Partial<TaskWords>, RegExp][])("%j is refused by its property", (more, message) => {
  expect(() => readTask(words(more))).toThrow(message);
});

test.each([
  ["nobody has the folder", [], "primary"],
  ["one has it", [{ name: "web", mounts: [mount("/data", "d")] }], "web"],
  ["one has it by its other name", [{ name: "web", mounts: [mount("/home/ann", "h")] }], "web"],
  ["one beside it does not", [{ name: "web", mounts: [mount("/data/app2", "d")] }], "primary"],
  ["the trash does not count", [{ name: "web", state: "deleted", mounts: [mount("/data", "d")] }], "primary"],
  [
    "the primary one of several",
    [
      { name: "web", mounts: [mount("/data", "d")] },
      { name: "primary", state: "stopped", mounts: [mount("/data", "d")] },
    ],
    "primary",
  ],
  [
    "the running one of several",
    [
      { name: "web", mounts: [mount("/data", "d")] },
      { name: "db", state: "stopped", mounts: [mount("/data", "d")] },
    ],
    "web",
  ],
] as [string, Partial<Instance>[], string][])(
  "where a task names no instance: %s",
  (_, instances, expected) => {
    const all = instances.map((one) => instance(one));
    expect(instanceFor(folder, { instances: all, primary: "primary" })).toBe(expected);
  },
);

test("where that leaves a choice, it asks for a name", () => {
  const two = ["web", "db"].map((name) => instance({ name, mounts: [mount("/data", "d")] }));
  expect(() => instanceFor(folder, { instances: two, primary: "primary" })).toThrow(
    /several instances: web, db/,
  );
  expect(() => instanceFor(undefined, { instances: two, primary: "" })).toThrow(/it names no instance/);
});

test.each([
  ["where the folder is mounted", undefined, { hostCwd: "/data/app" }],
  ["a directory of this host that is mounted", "/data/app/sub", { hostCwd: "/data/app/sub" }],
  ["a directory of the guest", "/srv", { cwd: "/srv" }],
  ["one in the user's home", "work", { cwd: "work" }],
])("it runs in: %s", (_, cwd, expected) => {
  const task = readTask(words({ command: "ls", cwd, env: { A: "1" } }));
  const web = instance({ mounts: [mount("/data", "d")] });
  expect(execOf(task, web, folder)).toEqual({ argv: ["ls"], env: { A: "1" }, ...expected });
});

test("the scripts of a package, without those that npm runs by itself", () => {
  const scripts = {
    build: "x",
    prebuild: "x",
    posttest: "x",
    test: "x",
    prettier: "x",
    "a b": "x",
    n: 1,
    "x:y": "z",
  };
  expect(npmScripts(JSON.stringify({ scripts }))).toEqual(["build", "test", "prettier", "x:y"]);
  for (const broken of ["", "{", "[]", "null", '{"scripts":[]}', '{"scripts":null}'])
    expect(npmScripts(broken)).toEqual([]);
  expect(["build", "build:web", "test", "builder", "start"].map(npmGroup)).toEqual([
    ...["build", "build", "test", undefined, undefined],
  ]);
});
