/** The shipped command and engine, built for one test: others may build the checkout's own meanwhile. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { testCache } from "./guest-image.ts";

const SOURCES = path.resolve(import.meta.dirname, "../../src");

/** Resolves with the bundle to run, and what removes it. The cache's directory lets a bundle find native modules. */
export async function bundleProduct(): Promise<{ cli: string; dispose: () => Promise<void> }> {
  const outdir = await mkdtemp(path.join(testCache(), "bundle-"));
  await build({
    ...{
      bundle: true,
      platform: "node",
      target: "node22",
      format: "cjs",
      logLevel: "error",
      keepNames: true,
    },
    external: ["cpu-features", "*.node"],
    entryPoints: Object.fromEntries(
      ["cli", "mcp", "engine"].map((name) => [name, path.join(SOURCES, name, "main.ts")]),
    ),
    outdir,
  });
  return { cli: path.join(outdir, "cli.js"), dispose: () => rm(outdir, { recursive: true, force: true }) };
}
