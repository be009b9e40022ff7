/** Writes openapi.json from the contract. `--check` only tells whether the committed one is what it would write. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { openApiText } from "./openapi-document.ts";

const FILE = path.resolve(import.meta.dirname, "../openapi.json");

const text = await openApiText();
if (process.argv.includes("--check")) {
  const same = (await readFile(FILE, "utf8")) === text;
  if (!same) console.error("openapi.json does not match the contract: run `npm run openapi`");
  process.exitCode = same ? 0 : 1;
} else await writeFile(FILE, text);
