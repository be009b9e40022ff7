/** An engine over the fake driver, whose guests are processes of this computer, for the home of a workbench. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Berth } from "./berth.ts";
import { bundleCli } from "./cli-bundle.ts";

/** Serves the home from now on: whoever connects finds it. Resolves when it does. */
export async function startLocalEngine(berth: Berth): Promise<{ stop: () => Promise<void> }> {
  const { cli, dispose } = await bundleCli();
  const child = spawn(process.execPath, [path.join(path.dirname(cli), "engine.js")], {
    env: { ...berth.env, BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" },
    stdio: "ignore",
  });
  const gone = once(child, "exit");
  while ((await berth.enginePid()) !== child.pid) {
    if (child.exitCode !== null) throw new Error(`the engine ended with ${child.exitCode}`);
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await gone;
      await dispose();
    },
  };
}
