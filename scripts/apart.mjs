// Runs a script that starts container runtimes, apart: `node scripts/apart.mjs FILE`. Installs what it needs, and builds Berth.
import path from "node:path";
import { apart } from "./lib/apart.mjs";
import { modernNode, nodeEnvironment } from "./lib/node24.mjs";
import { installPackages } from "./lib/packages.mjs";
import { endAll, sh, step } from "./lib/steps.mjs";
import { installSystem } from "./lib/system.mjs";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const [file, ...rest] = process.argv.slice(2);

try {
  await step("npm packages", () => installPackages(root));
  const node = modernNode(root);
  const env = { ...process.env, ...nodeEnvironment(node) };
  await step("system programs", () => installSystem(["containers"]));
  await step("build", () => sh([node, "esbuild.mjs"], { cwd: root, env, quiet: true }));
  const command = apart([node, "--no-warnings", file, ...rest], { root: process.getuid?.() === 0 });
  await step(file, () => sh(command, { cwd: root, env }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
endAll();
