import { expect, test } from "vitest";
import { listed, zonesMeant } from "../../../src/cli/zones.ts";

const NAMES = ["zone1", "zone2", "zone3"];

test.each([
  [["zone2"], ["zone2"]],
  [["2"], ["zone2"]],
  [
    ["3", "zone1", "zone3"],
    ["zone3", "zone1"],
  ],
  [
    ["0", "4", "elsewhere"],
    ["0", "4", "elsewhere"],
  ],
])("%j means %j", (texts, names) => expect(zonesMeant(texts, NAMES)).toEqual(names));

test.each([
  [["zone1"], "zone1"],
  [["zone1", "zone2"], "zone1 and zone2"],
  [NAMES, "zone1, zone2 and zone3"],
])("%j are %j in a question", (names, text) => expect(listed(names)).toBe(text));
