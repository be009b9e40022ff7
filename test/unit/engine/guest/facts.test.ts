/** What guests print of themselves and of their first boot, read: well, half, and as garbage. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { outcomeOf, stageOf } from "../../../../src/engine/guest/cloud-init.ts";
import { DETAILS_SCRIPT, parseDetails } from "../../../../src/engine/guest/details.ts";

test("the script's facts of a real Linux are all read", async () => {
  const { stdout } = await run(["sh", "-c", DETAILS_SCRIPT]);
  expect(parseDetails(stdout)).toMatchObject({
    hostname: expect.any(String),
    kernel: expect.stringMatching(/^\d+\./),
    bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    load: [expect.any(Number), expect.any(Number), expect.any(Number)],
    cpus: expect.any(Number),
    memory: { usedBytes: expect.any(Number), totalBytes: expect.any(Number) },
    disk: { usedBytes: expect.any(Number), totalBytes: expect.any(Number) },
  });
});

test("facts that are missing are left out, not made up", () => {
  expect(parseDetails("== hostname\nweb\n== load\n\n== memory\nMemTotal: 1 kB\n== cpus\n0\n")).toEqual({
    hostname: "web",
    addresses: [],
  });
});

test("no text makes the readers throw", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(parseDetails(`== result\n${text}`).addresses).toEqual([]);
      expect(outcomeOf(text)).toBeTypeOf("object");
      stageOf(text);
    }),
  );
});

const result = (errors: string[], recoverable: Record<string, string[]> = {}) =>
  `stage "init"\nresult\n${JSON.stringify({ v1: { errors } })}\n== status\n${JSON.stringify({
    v1: { "modules-final": { errors: [], recoverable_errors: recoverable } },
  })}\n`;

test.each([
  ["absent\n", { report: { cloudInit: "absent", errors: [] } }],
  [result([]), { report: { cloudInit: "done", errors: [] } }],
  [result([], { WARNING: ["odd key"] }), { report: { cloudInit: "degraded", errors: ["odd key"] } }],
  [
    result(["('scripts_user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))"]),
    { failed: "scripts_user: Runparts: 1 failures (runcmd) in 1 attempted commands" },
  ],
  ["failed cloud-init-local\nMain process exited\n", { failed: "cloud-init-local Main process exited" }],
])("%j", (output, outcome) => expect(outcomeOf(output)).toEqual(outcome));

test.each([
  ['stage "modules-config",', "modules-config"],
  ["stage null,", undefined],
  ["staged x", undefined],
])("%j tells stage %s", (line, stage) => expect(stageOf(line)).toBe(stage));
