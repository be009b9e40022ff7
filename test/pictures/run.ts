/**
 * `npm run pictures`: makes every picture of the documentation from a workbench that runs. `npm run pictures -- sandbox`
 * makes those of one scene: `window` (the README's), `backups`, `sandbox`, or `instance` (a real guest, and a folder in it).
 */
import path from "node:path";
import { pictureBackups } from "./backups.ts";
import { pictureInstance } from "./instance.ts";
import { pictureSandbox } from "./sandbox.ts";
import { pictureWindow } from "./window.ts";

const IMAGES = path.resolve(import.meta.dirname, "../../docs/images");
const SCENES: Record<string, (images: string) => Promise<void>> = {
  window: pictureWindow,
  backups: pictureBackups,
  sandbox: pictureSandbox,
  instance: pictureInstance,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SCENES));
if (unknown.length > 0)
  throw new Error(`no such scene: ${unknown}; there are ${Object.keys(SCENES).join(", ")}`);
for (const [name, picture] of Object.entries(SCENES))
  if (wanted.length === 0 || wanted.includes(name)) await picture(IMAGES);
