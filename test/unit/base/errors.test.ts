import { expect, test } from "vitest";
import { EngineError, toEngineError } from "../../../src/base/errors.ts";

test.each([
  [Object.assign(new Error("write failed"), { code: "ENOSPC" }), "no-resources"],
  [Object.assign(new Error("open failed"), { code: "EACCES" }), "permission-denied"],
  [new DOMException("stop", "AbortError"), "cancelled"],
  [new DOMException("slow", "TimeoutError"), "timed-out"],
  [new TypeError("bug"), "internal"],
  ["text", "internal"],
])("%s becomes %s", (thrown, code) => {
  const error = toEngineError(thrown, "launch web");
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^cannot launch web: /);
});

test("an EngineError passes through and survives the wire", () => {
  const error = new EngineError("busy", "cannot stop web: it is starting", {
    hint: "Wait.",
    details: { pid: 1 },
  });
  expect(toEngineError(error, "anything")).toBe(error);
  const again = EngineError.fromBody(JSON.parse(JSON.stringify(error.toBody())));
  expect(again).toMatchObject({ code: "busy", message: error.message, hint: "Wait.", details: { pid: 1 } });
});
