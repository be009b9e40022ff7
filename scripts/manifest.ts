/** Writes the commands and menus of package.json, and their titles, from `src/views/menus.ts`. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { withMenus, withTitles } from "./manifest-menus.ts";

const root = path.resolve(import.meta.dirname, "..");

await rewrite("package.json", withMenus);
await rewrite("package.nls.json", withTitles);

async function rewrite<T>(name: string, change: (value: T) => T): Promise<void> {
  const file = path.join(root, name);
  const value = change(JSON.parse(await readFile(file, "utf8")) as T);
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}
