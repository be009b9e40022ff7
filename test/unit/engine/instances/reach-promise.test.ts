/** The table of what is promised, written out: modes against what they may reach. */
import { expect, test } from "vitest";
import type { NetworkMode } from "../../../../src/api/network-mode.ts";
import { ReachKind } from "../../../../src/api/reach-test.ts";
import { promiseOf, verdictOn } from "../../../../src/engine/instances/reach-promise.ts";

const [yes, no, open] = ["reached", "not-reached", "open"] as const;

/** loopback, address, internet, same network, other network. */
test.each<
  [NetworkMode, { isContainer: boolean; keepsLoopback: boolean }, (typeof yes | typeof no | typeof open)[]]
>([
  ["default", { isContainer: false, keepsLoopback: false }, [open, yes, yes, yes, no]],
  ["default", { isContainer: false, keepsLoopback: true }, [no, yes, yes, yes, no]],
  ["nat", { isContainer: false, keepsLoopback: false }, [open, yes, yes, no, no]],
  ["nat", { isContainer: true, keepsLoopback: true }, [no, yes, yes, no, no]],
  ["private:a", { isContainer: false, keepsLoopback: false }, [no, no, no, yes, no]],
  ["private:a", { isContainer: true, keepsLoopback: true }, [no, open, no, yes, no]],
  ["isolated", { isContainer: false, keepsLoopback: false }, [no, no, no, no, no]],
  ["isolated", { isContainer: true, keepsLoopback: true }, [no, no, no, no, no]],
])("%s of %j", (mode, runs, promised) => {
  expect(ReachKind.options.map((kind) => promiseOf(mode, kind, runs))).toEqual(promised);
});

test.each([
  [yes, "reached", "ok"],
  [yes, "not-reached", "broken"],
  [no, "reached", "broken"],
  [no, "not-reached", "ok"],
  [open, "reached", "warning"],
  [open, "not-reached", "ok"],
  [no, "unknown", "unknown"],
] as const)("promised %s, found %s: %s", (promised, found, verdict) => {
  expect(verdictOn(promised, found)).toBe(verdict);
});
