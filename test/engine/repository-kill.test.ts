import { expect, test } from "vitest";
import { killRepeatedly } from "../support/repository-kills.ts";

test("what was acknowledged outlives the process, and restic finds nothing wrong", async () => {
  expect(await killRepeatedly({ kills: 3, seed: 4, resticEvery: 3 })).toBeGreaterThan(0);
}, 60_000);
