/** Programs of this checkout in one file each, built for one test: others may build the checkout's own meanwhile. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** The command is there under its own name, and removed with all the others by `dispose`. */
export type Bundle = { cli: string; dispose: () => Promise<void> };

/** `prefix` is that of its directory; `entryPoints` are files of this checkout, by name. Leaves nothing where it fails. */
export async function bundle(prefix: string, entryPoints: Record<string, string>): Promise<Bundle> {
  const outdir = await mkdtemp(prefix);
  const dispose = () => rm(outdir, { recursive: true, force: true });
  try {
    await build({
      ...{ absWorkingDir: ROOT, entryPoints, outdir, bundle: true },
      ...{ platform: "node", target: "node22", format: "cjs", logLevel: "error", keepNames: true },
      external: ["cpu-features", "*.node"],
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { cli: path.join(outdir, "cli.js"), dispose };
}
