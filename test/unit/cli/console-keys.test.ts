import fc from "fast-check";
import { expect, test } from "vitest";
import { untilLeft } from "../../../src/cli/console-keys.ts";
import { consoleEnd } from "../../../src/client/console-text.ts";

test.each([
  ["ls\r", "ls\r", false],
  ["", "", false],
  ["\x1d", "", true],
  ["ab\x1dcd\x1d", "ab", true],
  ["x\x1b[93;5u", "x", true],
  ["y\x1b[27;5;93~", "y", true],
  ["\x1b[A\x03\x04", "\x1b[A\x03\x04", false],
])("of %j the guest gets %j, and it leaves: %j", (typed, guest, leaves) => {
  expect(untilLeft(Buffer.from(typed))).toEqual({ typed: Buffer.from(guest), leaves });
});

test("no other byte is kept from the guest", () => {
  const others = fc.array(fc.integer({ min: 0, max: 255 }).filter((byte) => byte !== 0x1d && byte !== 0x1b));
  fc.assert(
    fc.property(others, (bytes) => {
      expect(untilLeft(Buffer.from(bytes))).toEqual({ typed: Buffer.from(bytes), leaves: false });
    }),
  );
});

test.each([
  [{ state: "stopped", problems: [] }, "web has stopped.", false],
  [{ state: "stopping", problems: [] }, "web has stopped.", false],
  [undefined, "web has stopped.", false],
  [{ state: "restarting", problems: [] }, "web is restarting.", true],
  [{ state: "running", problems: [] }, "web is restarting.", true],
  [{ state: "suspended", problems: [] }, "web has been suspended.", false],
  [
    {
      state: "stopped",
      problems: [{ code: "ended-unexpectedly", severity: "error", message: "it ended unexpectedly: killed" }],
    },
    "web has stopped: it ended unexpectedly: killed.",
    false,
  ],
] as const)("%j is told as %j", (instance, words, comesBack) => {
  const given = instance && { ...instance, problems: [...instance.problems] };
  expect(consoleEnd("web", given)).toEqual({ words, comesBack });
});
