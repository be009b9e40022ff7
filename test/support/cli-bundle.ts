/** The command, bundled with an engine over the fake driver in the place of the real one. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Resolves with the bundle to run, and what removes it. */
export async function bundleCli(): Promise<{ cli: string; dispose: () => Promise<void> }> {
  const outdir = await mkdtemp(path.join(tmpdir(), "berth-bundle-"));
  await build({
    absWorkingDir: ROOT,
    entryPoints: { cli: "src/cli/main.ts", mcp: "src/mcp/main.ts", engine: "test/engine/cli-engine.ts" },
    outdir,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    logLevel: "error",
    external: ["cpu-features", "*.node"],
  });
  return { cli: path.join(outdir, "cli.js"), dispose: () => rm(outdir, { recursive: true, force: true }) };
}
