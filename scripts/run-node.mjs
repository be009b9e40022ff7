// Runs a script with the modern Node that npm has brought, whatever Node runs npm.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { modernNode, nodeEnvironment } from "./lib/node24.mjs";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const node = modernNode(root);
const { status } = spawnSync(node, ["--no-warnings", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, ...nodeEnvironment(node) },
});
process.exit(status ?? 1);
