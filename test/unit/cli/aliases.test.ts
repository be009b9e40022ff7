/** Which alias a word means, and what a definition says. */
import { expect, test } from "vitest";
import { aliasDefinition, resolveAlias } from "../../../src/cli/aliases.ts";
import { aliasScripts } from "../../../src/client/shim.ts";

const of = (instance: string) => ({ instance, command: "ls", workingDirectory: "map" as const });
const book = {
  active: "one",
  contexts: {
    one: { ls: of("a"), both: of("a") },
    two: { ls: of("b"), both: of("b"), only: of("b") },
    three: { ls: of("c"), twice: of("c") },
    four: { twice: of("d") },
  },
};

test.each([
  ["ls", "a"],
  ["two.ls", "b"],
  ["only", "b"],
  ["both", "a"],
  ["twice", undefined],
  ["four.twice", "d"],
  ["two.twice", undefined],
  ["nosuch.ls", undefined],
  ["constructor", undefined],
])("%s is of %s", (word, instance) => expect(resolveAlias(book, word)?.instance).toBe(instance));

test.each([
  ["web:ls", undefined, { instance: "web", command: "ls", alias: "ls" }],
  ["web:/usr/bin/ls", undefined, { instance: "web", command: "/usr/bin/ls", alias: "ls" }],
  ["web:a:b", "c", { instance: "web", command: "a:b", alias: "c" }],
])("%s %s", (text, name, parts) => expect(aliasDefinition(text, name)).toEqual(parts));

test.each(["web", ":ls", "web:", ""])("%j is no definition", (text) => {
  expect(() => aliasDefinition(text)).toThrow(/Invalid instance\/command syntax/);
});

test("an alias's scripts hand on its name and all arguments", () => {
  const scripts = aliasScripts({ execPath: "/node", cli: "/cli.js", name: "multipass" }, "ls");
  expect(scripts["ls"]).toContain(`BERTH_COMMAND_NAME=multipass`);
  expect(scripts["ls"]).toMatch(/'\/cli\.js' ls -- "\$@"\n$/);
  expect(scripts["ls.cmd"]).toMatch(/"\/cli\.js" ls -- %\*\r\n$/);
});
