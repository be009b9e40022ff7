import fc from "fast-check";
import { expect, test } from "vitest";
import { lastWordsIn } from "../../../../src/engine/instances/last-words.ts";

test.each([
  ["", undefined],
  ["Cloud-init v. 22.4.2 running 'init' at Tue\nci-info: | eth0 |\n", undefined],
  [
    [
      "Cloud-init v. 22.4.2 running 'modules:final' at Tue, 24 Nov 2026",
      "Reading package lists...",
      "E: Unable to locate package nginxx",
      "Failed to run module scripts-user (scripts in /var/lib/cloud/instance/scripts)",
      "2026-11-24 15:00:00,123 - cc_scripts_user.py[WARNING]: Failed to run module scripts-user",
      "2026-11-24 15:00:00,124 - util.py[WARNING]: Running module scripts-user failed",
      "Cloud-init v. 22.4.2 finished at Tue, 24 Nov 2026",
    ].join("\n"),
    "Reading package lists... / E: Unable to locate package nginxx / Failed to run module scripts-user (scripts in /var/lib/cloud/instance/scripts)",
  ],
  ["\u001b[31mred\u001b[0m\r\n", "red"],
])("%j", (log, words) => expect(lastWordsIn(log)).toBe(words));

test("whatever a guest writes, the words are one short line", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000, unit: "binary" }), (log) => {
      const words = lastWordsIn(log) ?? "";
      expect(words).not.toContain("\n");
      expect(words.length).toBeLessThanOrEqual(401);
    }),
  );
});
