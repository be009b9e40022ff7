/** What the manifest says of agents is what the table of tools says. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { languageModelTools } from "../../../scripts/lm-tools-text.ts";
import { LM_PREFIX } from "../../../src/agent/names.ts";
import { toolNamed } from "../../../src/agent/tools.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const { contributes } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));

test("the language model tools are those of the table (`npm run lm-tools`)", () => {
  expect(contributes.languageModelTools).toEqual(JSON.parse(JSON.stringify(languageModelTools())));
});

test("each is found by its name, and the editor takes its names", () => {
  for (const { name, toolReferenceName } of contributes.languageModelTools) {
    expect(toolNamed(name.slice(LM_PREFIX.length)).name).toBe(name.slice(LM_PREFIX.length));
    expect(name).not.toMatch(/^(vscode|copilot)_/);
    expect(toolReferenceName).toMatch(/^[\w-]+$/);
  }
});

test("skills lie where the manifest says, and are packaged", () => {
  const ignore = readFileSync(path.join(ROOT, ".vscodeignore"), "utf8");
  for (const { path: file } of contributes.chatSkills) {
    expect(existsSync(path.join(ROOT, file)), file).toBe(true);
    expect(ignore).toContain(`!${file.split("/")[1]}/**`);
  }
});
