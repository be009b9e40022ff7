/** `berth screenshot` over the fake driver, whose guests paint bars. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let berth: Berth;
let disposeBundle: () => Promise<void>;

beforeAll(async () => {
  const bundle = await bundleCli();
  disposeBundle = bundle.dispose;
  berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "60" }, bundle.cli);
  await berth.ok(["launch", "--name", "desk", "--display"]);
  await berth.ok(["launch", "--name", "web"]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await disposeBundle?.();
});

test("the screen is saved where it is wanted, and said why not where it cannot be", async () => {
  const file = path.join(berth.home, "desk.png");
  expect(await berth.run(["screenshot", "desk", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  const png = await readFile(file);
  expect(png.toString("latin1", 1, 4)).toBe("PNG");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([640, 400]);
  expect((await berth.ok(["screenshot", "desk", "-"])).slice(1, 4)).toBe("PNG");
  const nowhere = await berth.run(["screenshot", "desk", path.join(berth.home, "none", "x.png")]);
  expect([nowhere.code === 0, nowhere.stderr]).toEqual([false, expect.stringContaining("cannot save")]);
  const without = await berth.run(["screenshot", "web", file]);
  expect(without.stderr).toContain("has no graphical console");
  expect(without.stderr).toContain("berth console web");
  expect(await readFile(file)).toEqual(png);
});
