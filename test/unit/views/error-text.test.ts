import { expect, test } from "vitest";
import { EngineError, ERROR_CODES, type ErrorCode } from "../../../src/base/errors.ts";
import { presentError } from "../../../src/views/error-text.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

function present(code: ErrorCode, more: { hint?: string; details?: Record<string, unknown> } = {}) {
  return presentError(new EngineError(code, "cannot start web: it is gone", more), {
    canRetry: true,
    instance: "web",
  });
}

test.each(CASES())("%s offers %j", (code, remedies) =>
  expect(present(code)?.remedies ?? "silent").toEqual(remedies),
);

function CASES(): [ErrorCode, string[] | "silent"][] {
  return [
    ["cancelled", "silent"],
    ["invalid-argument", []],
    ["busy", ["retry"]],
    ["timed-out", ["retry", "show-log", "open-console"]],
    ["guest-unreachable", ["retry", "show-log", "open-console"]],
    ["engine-unavailable", ["retry", "show-engine-log"]],
    ["internal", ["show-engine-log"]],
  ];
}

test("the words say what, why and what next, as sentences", () => {
  expect(present("not-found", { hint: "choose another." })?.text).toBe(
    "Cannot start web: it is gone. Choose another.",
  );
  expect(present("not-found", { hint: "berth list shows all." })?.text).toMatch(
    /gone\. berth list shows all\.$/,
  );
});

test("QEMU is offered where QEMU is what is missing", () => {
  expect(present("missing-dependency", { details: { program: "qemu-img" } })?.remedies).toContain(
    "install-qemu",
  );
  expect(present("missing-dependency", { details: { program: "xz" } })?.remedies).toEqual(["retry"]);
});

test("memory that cannot be used any more can be given up, where that is what is wrong", () => {
  expect(present("wrong-state", { details: { cold: true } })?.remedies).toEqual(["start-cold"]);
  expect(present("wrong-state")?.remedies).toEqual([]);
});

test("the key of encrypted instances can be unlocked, where that is what is wrong", () => {
  for (const keys of ["locked", "none"])
    expect(present("wrong-state", { details: { keys } })?.remedies).toEqual(["unlock-keys"]);
  const problems = [{ code: "encryption-homeless" }];
  expect(present("missing-dependency", { details: { problems } })?.remedies).toEqual([
    "unlock-keys",
    "retry",
  ]);
  expect(present("missing-dependency", { details: { problems: [] } })?.remedies).toEqual(["retry"]);
});

test("without something to retry or an instance to look at, neither is offered", () => {
  for (const code of CODES) {
    const shown = presentError(new EngineError(code, "cannot do it: no"), { canRetry: false });
    expect(shown?.remedies ?? []).not.toContain("retry");
    for (const one of ["show-log", "open-console"]) expect(shown?.remedies ?? []).not.toContain(one);
  }
});
