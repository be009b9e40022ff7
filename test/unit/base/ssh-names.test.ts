/** Aliases of instances, and values of OpenSSH's configuration. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NAME_PATTERN } from "../../../src/api/names.ts";
import { instanceOfAlias, sshAliases } from "../../../src/base/ssh-alias.ts";
import { includePath, sshPath } from "../../../src/base/ssh-words.ts";

const named = (...names: string[]) => names.map((name, at) => ({ id: `${at}0000000-0000`, name }));
const aliases = (...names: string[]) => [...sshAliases(named(...names)).values()];

test("aliases are lower case, and different where names differ in case only", () => {
  expect(aliases("web", "DB")).toEqual(["web.berth", "db.berth"]);
  expect(aliases("Web", "web")).toEqual(["web-00000000.berth", "web.berth"]);
  expect(aliases("Web", "WEB")).toEqual(["web-00000000.berth", "web-10000000.berth"]);
});

test.each([
  ["web", "web"],
  ["Web", "Web"],
  ["WEB", "web"],
  ["web.berth", "web"],
  ["WEB.BERTH", "web"],
  ["web-00000000", "Web"],
  ["web-00000000.berth", "Web"],
  ["nope", undefined],
  ["nope.berth", undefined],
])("%s means %s", (text, name) => expect(instanceOfAlias(text, named("Web", "web"))?.name).toBe(name));

test("every instance is found by its alias and by its own name", () => {
  const name = fc.stringMatching(/^[abAB][abAB1-]{0,3}$/).filter((one) => NAME_PATTERN.test(one));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), (names) => {
      const all = names.map((one, at) => ({ id: `${String(at).padStart(8, "0")}-0000`, name: one }));
      const given = sshAliases(all);
      expect(new Set(given.values()).size).toBe(all.length);
      for (const one of all) {
        expect(given.get(one.id)).toMatch(/^[a-z0-9-]+\.berth$/);
        expect(instanceOfAlias(given.get(one.id) ?? "", all)).toBe(one);
        expect(instanceOfAlias(one.name, all)).toBe(one);
      }
    }),
  );
});

test.each([
  ["/home/u/.local/share/berth/ssh/hosts", '"/home/u/.local/share/berth/ssh/hosts"'],
  ["/Users/u/Library/Application Support/k", '"/Users/u/Library/Application Support/k"'],
  ["/home/100%/k", '"/home/100%%/k"'],
  ["C:\\Users\\A B\\k", '"C:/Users/A B/k"'],
  ["\\\\server\\share\\k", '"//server/share/k"'],
  ["/odd\\name/k", '"/odd\\name/k"'],
])("%s is written %s", (file, word) => {
  expect(sshPath(file)).toBe(word);
  expect(includePath(file)).toBe(word.replaceAll("%%", "%"));
});

test.each(['/a"b', "/a\nb", "/a\0b"])("%j cannot be written, and is refused", (file) => {
  expect(() => sshPath(file)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
