/** The command, bundled with an engine over the fake driver in the place of the real one. */
import { tmpdir } from "node:os";
import path from "node:path";
import { type Bundle, bundle } from "./bundle.ts";

export function bundleCli(): Promise<Bundle> {
  return bundle(path.join(tmpdir(), "berth-bundle-"), {
    cli: "src/cli/main.ts",
    mcp: "src/mcp/main.ts",
    engine: "test/engine/cli-engine.ts",
    "repository-worker": "src/engine/backup/repository/worker.ts",
  });
}
