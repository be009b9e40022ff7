/** An engine process is killed with SIGKILL again and again at moments nobody chose. */
import path from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import { startChild } from "../../src/base/run.ts";
import { ended, FakeWorld } from "../support/fake-engine.ts";

const PROGRAM = path.resolve(import.meta.dirname, "../support/busy-engine.ts");
const KILLS = 8;

/** Kills an engine some milliseconds after it said `word`; resolves to the names that it acknowledged as kept. */
async function workAndDie(root: string, word: "ready" | "kept", ms: number): Promise<string[]> {
  const child = startChild([process.execPath, "--no-warnings", PROGRAM, root]);
  const kept: string[] = [];
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString("utf8");
  });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      if (line.startsWith("kept ")) kept.push(line.slice("kept ".length));
      if (line.startsWith(word)) resolve();
    });
  });
  const died = child.exited.then(({ code, signal }) => {
    if (signal !== "SIGKILL") throw new Error(`the engine ended by itself with ${code}: ${errors}`);
  });
  await Promise.race([ready, died]);
  await sleep(ms);
  child.kill("SIGKILL");
  await died;
  return kept;
}

test("nothing acknowledged is lost, nothing half-made is left", async () => {
  const world = await FakeWorld.make();
  const kept: string[] = [];
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      kept.push(...(await workAndDie(world.root, kill % 2 === 0 ? "ready" : "kept", 9 * kill)));
    }
    const engine = await world.open();
    for (const operation of engine.operations.list()) {
      expect((await ended(engine, operation)).status).toBe("succeeded");
    }
    const names = engine.instances.list().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(kept));
    for (const { state, operation } of engine.instances.list()) {
      expect(operation).toBeUndefined();
      expect(["running", "stopped", "deleted"]).toContain(state);
    }
    const { instances, trash } = await world.leftovers();
    expect(instances).toHaveLength(names.length);
    expect(trash).toEqual([]);
    expect((await engine.info()).problems).toEqual([]);
    expect(kept.length).toBeGreaterThan(0);
  } finally {
    await world.dispose();
  }
}, 60_000);
