import { expect, test } from "vitest";
import { statusText } from "../../../src/views/status-text.ts";
import { instance, operation } from "./fixtures.ts";

test.each([
  [[], undefined],
  [[{ instance: instance() }], "$(vm) 1 running"],
  [[{ instance: instance({ state: "stopped" }) }], "$(vm) 0 running"],
  [
    [{ instance: instance({ name: "web" }), operation: operation({ progress: { phase: "boot" } }) }],
    "$(loading~spin) web: booting",
  ],
  [
    [
      { instance: instance(), operation: operation() },
      { instance: instance(), operation: operation() },
    ],
    "$(loading~spin) 2 instances at work",
  ],
])("%j", (rows, text) => {
  expect(statusText(rows.map((row) => ({ operation: undefined, ...row })))).toBe(text);
});
