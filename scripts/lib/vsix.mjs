// The extension as one file. It stands for itself: no repository is known to it, so its README's links stay as they are.
import path from "node:path";
import { sh } from "./steps.mjs";

const FLAGS = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"];

export function packageVsix(root, node, env, file) {
  const vsce = path.join(root, "node_modules", "@vscode", "vsce", "vsce");
  return sh([node, vsce, "package", ...FLAGS, "--out", file], { cwd: root, env, quiet: true });
}
