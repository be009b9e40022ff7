import { describe, expect, test } from "vitest";
import type { EngineError } from "../../../src/base/errors.ts";
import { judge } from "../../../src/client/find-engine.ts";
import { lastLine, requireNode } from "../../../src/client/spawn.ts";
import { fromSystem, isNotRunning } from "../../../src/client/wire.ts";

describe("judge", () => {
  const verdict = (protocol: number, draining: boolean, canStart: boolean): string => {
    try {
      return judge({ protocol, draining, version: "1.2.3" }, 2, canStart);
    } catch (error) {
      return (error as EngineError).code;
    }
  };
  const cases: [string, number, boolean, boolean, string][] = [
    ["same protocol", 2, false, true, "use"],
    ["same protocol, cannot start", 2, false, false, "use"],
    ["same, leaving", 2, true, true, "wait"],
    ["same, leaving, cannot start another", 2, true, false, "use"],
    ["older", 1, false, true, "drain"],
    ["older, leaving", 1, true, true, "wait"],
    ["older, cannot start another", 1, false, false, "not-supported"],
    ["newer", 3, false, true, "not-supported"],
    ["newer, leaving", 3, true, true, "not-supported"],
  ];
  test.each(cases)("%s", (_, protocol, draining, canStart, expected) => {
    expect(verdict(protocol, draining, canStart)).toBe(expected);
  });
});

test.each([
  ["20.20.2", false],
  ["22.12.0", false],
  ["22.13.0", true],
  ["24.21.0", true],
])("Node %s runs the engine: %s", (version, expected) => {
  if (expected) requireNode(version);
  else expect(() => requireNode(version)).toThrow(/needs Node.js 22.13 or newer, and this is/);
});

test("a crash report's telling line is found", () => {
  expect(lastLine("/x/engine.js:1\n  throw\n\nTypeError: no\n    at f (x)\n\nNode.js v24")).toBe(
    "TypeError: no",
  );
  expect(lastLine("cannot start the engine: busy\n")).toBe("cannot start the engine: busy");
  expect(lastLine("Segmentation fault\n")).toBe("Segmentation fault");
  expect(lastLine("")).toBeUndefined();
});

test("system errors of a socket get their meaning", () => {
  const failed = (code: string) => fromSystem(Object.assign(new Error(code), { code }));
  for (const code of ["ENOENT", "ECONNREFUSED"]) expect(isNotRunning(failed(code))).toBe(true);
  expect(failed("ECONNRESET")).toMatchObject({ code: "engine-unavailable", details: { reason: "lost" } });
  expect(isNotRunning(failed("ECONNRESET"))).toBe(false);
  expect(failed("EACCES")).toMatchObject({ code: "EACCES" });
});
