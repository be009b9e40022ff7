/** Where guests can have a NIC for the engine's network, and what is said where they cannot. */
import { expect, test } from "vitest";
import { outwardMac } from "../../../../src/engine/drivers/qemu/argv.ts";
import { lanProblem, lanSocketOf } from "../../../../src/engine/drivers/qemu/monitor.ts";

const instance = { id: "3f0f6c9e-0000-4000-8000-000000000001", runDirectory: "/run/berth" };

test.each([
  ["linux", "7.2.22", true],
  ["linux", "7.2", true],
  ["darwin", "11.0.1", true],
  ["linux", "7.1.0", false],
  ["darwin", "6.2.0", false],
  ["linux", "unknown", false],
  ["win32", "9.1.0", false],
] as [NodeJS.Platform, string, boolean][])("on %s with QEMU %s: %s", (platform, version, has) => {
  const problem = lanProblem(platform, version);
  expect(problem === undefined).toBe(has);
  if (problem) expect(problem).toMatchObject({ code: "lan-unavailable", severity: "info" });
  expect(lanSocketOf(platform, version, instance)).toBe(has ? "/run/berth/3f0f6c9e.lan" : undefined);
});

test("the MAC of the NIC that leads out is another one, and stays a guest's", () => {
  expect(outwardMac("52:54:00:12:34:56")).toBe("52:54:01:12:34:56");
  expect(outwardMac(outwardMac("52:54:00:12:34:56"))).toBe("52:54:00:12:34:56");
});
