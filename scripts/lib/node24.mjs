// The Node that everything runs on: this one where it is new enough, else the one that npm has brought.
import { existsSync } from "node:fs";
import path from "node:path";

const MINIMUM = [22, 15];

export function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

/** Absolute path of a Node of at least 22.15. Only after `npm ci`. */
export function modernNode(root) {
  const names = [
    `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ];
  for (const name of names) {
    for (const file of ["bin/node", "bin/node.exe"]) {
      const candidate = path.join(root, "node_modules", name, file);
      if (existsSync(candidate)) return candidate;
    }
  }
  if (isNewEnough(process.version)) return process.execPath;
  throw new Error(
    `cannot run on Node ${process.version}: 22.15 or later is needed, and npm has none for ${process.platform}-${process.arch}. Install it, then try again.`,
  );
}

/** An environment in which `node` is that Node. */
export function nodeEnvironment(node) {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  return { [key]: `${path.dirname(node)}${path.delimiter}${process.env[key] ?? ""}` };
}
