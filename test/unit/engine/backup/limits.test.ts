import { expect, test } from "vitest";
import { Settings } from "../../../../src/api/engine-info.ts";
import { limitsOf } from "../../../../src/engine/backup/repositories.ts";
import { DEFAULT_SETTINGS } from "../../../../src/engine/settings.ts";

test("a backup takes as much of the host as is set", () => {
  expect(limitsOf(DEFAULT_SETTINGS)).toEqual({ share: 1 });
  expect(limitsOf({ "backups.rate": "4M", "backups.cpu-percent": 50 })).toEqual({
    share: 0.5,
    bytesPerSecond: 4 * 2 ** 20,
  });
});

test("a rate that nothing would come of is refused", () => {
  const isFine = (rate: string) => Settings.safeParse({ ...DEFAULT_SETTINGS, "backups.rate": rate }).success;
  expect(["", "64K", "10M"].filter(isFine)).toEqual(["", "64K", "10M"]);
  expect(["1K", "fast", "0", "-1M"].filter(isFine)).toEqual([]);
});
