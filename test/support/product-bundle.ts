/** The shipped command and engine. */
import path from "node:path";
import { type Bundle, bundle } from "./bundle.ts";
import { testCache } from "./guest-image.ts";

/** The cache's directory lets a bundle find native modules. */
export function bundleProduct(): Promise<Bundle> {
  return bundle(path.join(testCache(), "bundle-"), {
    cli: "src/cli/main.ts",
    mcp: "src/mcp/main.ts",
    engine: "src/engine/main.ts",
    "repository-worker": "src/engine/backup/repository/worker.ts",
  });
}
