/**
 * `npm run test:desktop`: the packaged extension in a desktop VS Code, which this downloads. For machines with
 * internet and a display; CI drives the browser workbench instead.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const { runTests } = createRequire(import.meta.url)(
  "@vscode/test-electron",
) as typeof import("@vscode/test-electron");
const home = await mkdtemp(path.join(tmpdir(), "berth-desktop-"));
try {
  await runTests({
    extensionDevelopmentPath: root,
    extensionTestsPath: path.join(root, "test/desktop/suite.cjs"),
    extensionTestsEnv: { BERTH_HOME: home },
    launchArgs: ["--disable-extensions", `--user-data-dir=${path.join(home, "user-data")}`],
  });
} finally {
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}
