/** Texts for people are found by whoever translates them, and are filled in alike with and without vscode. */
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
// @ts-expect-error The build is plain JavaScript.
import { l10nTexts, textsIn } from "../../../scripts/lib/l10n.mjs";
import { l10n, useTranslations } from "../../../src/views/l10n.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

test.each([
  ['l10n.t("Start")', ["Start"]],
  ['vscode.l10n.t(\n  "A \\"b\\"\\n{0}",\n  name,\n)', ['A "b"\n{0}']],
  ["l10n.t(`Put berth in $PATH`)", undefined],
  ["l10n.t(`Put \\`berth\\` there`)", ["Put `berth` there"]],
  ["l10n.t('It\\'s')", ["It's"]],
  ['l10n.t("a"); l10n.t("b", l10n.t("c"))', ["a", "b", "c"]],
  ['const { t } = vscode.l10n;\nt("a", at("b"), one.t("c"))', ["a"]],
  ["const { t } = l10n; t(text)", undefined],
  ["l10n.t(text)", undefined],
  [`l10n.t(\`{0} of \${many}\`)`, undefined],
  ['"l10n"', []],
])("%j: %j", (source, texts) => {
  if (texts) expect(textsIn(source, "a.ts")).toEqual(texts);
  else expect(() => textsIn(`\n${source}`, "a.ts")).toThrow(/^a\.ts:\d: l10n\.t takes a text as it is/);
});

test("the source has texts for every part of the views, each a literal", () => {
  const texts = l10nTexts();
  expect(Object.entries(texts).filter(([key, value]) => key !== value)).toEqual([]);
  expect(Object.keys(texts)).toEqual(Object.keys(texts).toSorted());
  for (const text of ["Launching {0}", "downloading", "not launched", "Open Shell", "{0} hours ago"])
    expect(texts).toHaveProperty([text]);
});

test("without vscode a text is filled in; with it, vscode does that", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (values) => {
      const text = values.map((_, index) => `{${index}}`).join("|");
      expect(l10n.t(text, ...values)).toBe(values.join("|"));
    }),
  );
  expect(l10n.t("{0} of {1} {2}", 1, true)).toBe("1 of true {2}");
  useTranslations((text) => text.toUpperCase());
  expect(l10n.t("start")).toBe("START");
});

test("the editor's translations are in place before anything that has texts in tables", () => {
  const source = readFileSync(path.join(ROOT, "src/extension.ts"), "utf8");
  expect(/^import .*/m.exec(source)?.[0]).toContain('"./views/translations.ts"');
});

test("what the manifest shows is in package.nls.json", () => {
  const { contributes } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  const shown = new Set(["title", "name", "markdownDescription", "description", "altText", "contents"]);
  const bare: string[] = [];
  const visit = (value: unknown, where: string) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, one] of Object.entries(value)) {
      const here = `${where}.${key}`;
      if (typeof one === "string" && shown.has(key) && !/^%.*%$/.test(one)) bare.push(`${here}: ${one}`);
      else visit(one, here);
    }
  };
  // A model reads what the tools say, in the words that they were tried with; their names are data.
  const { languageModelTools: _, ...rest } = contributes;
  visit(rest, "contributes");
  expect(bare.filter((one) => !/: Berth$/.test(one))).toEqual([]);
});

test("each setting explains itself and refuses what it cannot be", () => {
  const { properties } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")).contributes
    .configuration;
  for (const [name, setting] of Object.entries(properties) as [string, Record<string, unknown>][]) {
    expect(setting["markdownDescription"], name).toMatch(/^%.*%$/);
    expect(setting, name).toHaveProperty("default");
    if (setting["type"] === "string")
      expect(setting["enum"] ?? setting["pattern"], `${name} takes any text`).toBeDefined();
    if (setting["enum"])
      expect(setting["enumDescriptions"], name).toHaveLength((setting["enum"] as []).length);
    if (setting["pattern"]) expect(setting["patternErrorMessage"], name).toMatch(/^%.*%$/);
    if (setting["type"] === "number" || setting["type"] === "integer")
      expect(setting, name).toHaveProperty("minimum");
  }
});
