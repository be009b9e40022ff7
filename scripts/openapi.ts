/**
 * Writes what is derived from the contract: openapi.json, and the routes that clients call. `--check` only tells whether
 * the committed ones are what it would write.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { openApiText, routesText } from "./openapi-document.ts";

const root = path.resolve(import.meta.dirname, "..");
const texts = { "openapi.json": await openApiText(), "src/client/routes.json": routesText() };

for (const [name, text] of Object.entries(texts)) {
  const file = path.join(root, name);
  if (!process.argv.includes("--check")) await writeFile(file, text);
  else if ((await readFile(file, "utf8")) !== text) {
    console.error(`${name} does not match the contract: run \`npm run openapi\``);
    process.exitCode = 1;
  }
}
