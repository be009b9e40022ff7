// Runs a script that drives a real VS Code: `node scripts/in-workbench.mjs FILE [ARGUMENTS…]`. Installs what it needs, and
// builds and packs Berth as it is now.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { modernNode, nodeEnvironment } from "./lib/node24.mjs";
import { installPackages, installWorkbench } from "./lib/packages.mjs";
import { endAll, sh, step } from "./lib/steps.mjs";
import { installSystem } from "./lib/system.mjs";
import { packageVsix } from "./lib/vsix.mjs";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const [file, ...rest] = process.argv.slice(2);

try {
  mkdirSync(path.join(root, "test-results"), { recursive: true });
  await step("npm packages", () => installPackages(root));
  const node = modernNode(root);
  const env = nodeEnvironment(node);
  await step("system programs", () => installSystem(["run", "buildImages", "test"]));
  await step("build", () => sh([node, "esbuild.mjs"], { cwd: root, env, quiet: true }));
  await step("VSIX", () => packageVsix(root, node, env, path.join(root, "test-results", "berth.vsix")));
  const host = await step("browser workbench", () => installWorkbench(root));
  const workbench = { BERTH_WORKBENCH_NODE: host.node, BERTH_WORKBENCH_ENTRY: host.entry };
  await step(file, () =>
    sh([node, "--no-warnings", file, ...rest], { cwd: root, env: { ...env, ...workbench } }),
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
endAll();
