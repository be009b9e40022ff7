/** A whole engine process over a FakeCore: the real lock, server, signals and idle exit. Run by Node itself. */
import path from "node:path";
import { currentPaths } from "../../src/base/paths.ts";
import { openLog } from "../../src/engine/log-file.ts";
import { runEngineProcess } from "../../src/engine/server/process.ts";
import { FakeCore } from "./fake-core.ts";

if (process.env["FAKE_FAIL"]) throw new Error(process.env["FAKE_FAIL"]);
const paths = currentPaths();
await runEngineProcess({
  paths,
  version: "0.0.0-fake",
  openLog: () => openLog({ file: paths.log, level: "debug" }),
  openCore: async () =>
    new FakeCore({
      idleSeconds: Number(process.env["FAKE_IDLE_SECONDS"] ?? 60),
      journal: path.join(paths.data, "journal.json"),
    }),
});
