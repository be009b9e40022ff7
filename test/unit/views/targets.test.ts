import { expect, test } from "vitest";
import type { Action } from "../../../src/views/items.ts";
import type { TreeNode } from "../../../src/views/services.ts";
import { foreignIn, instancesIn, SELECTION } from "../../../src/views/targets.ts";
import { foreignContainer, instance } from "./fixtures.ts";

const running = instance({ name: "running" });
const stopped = instance({ name: "stopped", state: "stopped" });
const all = [running, stopped];
const model = {
  get: (id: string) => all.find((one) => one.id === id),
  byName: (name: string) => all.find((one) => one.name === name),
  operationOf: () => undefined,
};
const node = ({ id }: { id: string }): TreeNode => ({ type: "instance", id });

function names(args: unknown[], action: Action, selection: TreeNode[] = []) {
  return instancesIn(args, action, model, selection)?.map(({ name }) => name);
}

test.each<[string, unknown[], Action, string[] | undefined]>([
  ["the palette asks", [], "stop", undefined],
  ["a row is meant", [node(running)], "stop", ["running"]],
  ["a row counts once with its selection", [node(running), [node(running)]], "stop", ["running"]],
  ["a selection acts where it can", [node(running), [node(running), node(stopped)]], "stop", ["running"]],
  [
    "a selection of both is deleted",
    [node(running), [node(running), node(stopped)]],
    "delete",
    ["running", "stopped"],
  ],
  ["the trash's own row names nobody", [{ type: "trash" }], "purge", undefined],
  ["a name is meant", ["stopped"], "start", ["stopped"]],
  ["an unknown name asks", ["nobody"], "start", undefined],
  ["a row that is gone asks", [{ type: "instance", id: "gone" }], "stop", undefined],
  ["anything else asks", [42, null], "stop", undefined],
])("%s", (_, args, action, expected) => expect(names(args, action)).toEqual(expected));

test("containers of others are no instances, and are named by their rows alone", () => {
  const row: TreeNode = { type: "foreign-container", container: foreignContainer() };
  expect(names([row], "logs")).toBeUndefined();
  expect(foreignIn([row])).toEqual([foreignContainer()]);
  expect(foreignIn([row, [node(running), row]])).toEqual([foreignContainer()]);
  expect(foreignIn([node(running)])).toEqual([]);
  expect(foreignIn([])).toEqual([]);
});

test("a key binding means the selection, and nothing where there is none", () => {
  expect(names([SELECTION], "delete", [node(stopped)])).toEqual(["stopped"]);
  expect(names([SELECTION], "delete", [])).toEqual([]);
});
