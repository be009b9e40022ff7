import { expect, test } from "vitest";
import { killThroughBackups } from "../support/backup-kills.ts";

test("what was acknowledged outlives engines and QEMUs, and no increment lacks anything", async () => {
  const { acknowledged, compared } = await killThroughBackups({ kills: 5, seed: 3 });
  expect(acknowledged).toBeGreaterThan(0);
  expect(compared).toBe(1);
}, 300_000);
