/** Writes the language model tools into the manifest. `--check` only tells whether they are there as they would be. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { languageModelTools } from "./lm-tools-text.ts";

const file = path.resolve(import.meta.dirname, "../package.json");
const manifest = JSON.parse(await readFile(file, "utf8"));
const tools = languageModelTools();
if (process.argv.includes("--check")) {
  if (JSON.stringify(manifest.contributes.languageModelTools) !== JSON.stringify(tools)) {
    console.error("the manifest does not match the table of tools: run `npm run lm-tools`");
    process.exitCode = 1;
  }
} else {
  manifest.contributes.languageModelTools = tools;
  await writeFile(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}
