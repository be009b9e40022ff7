import { expect, test } from "vitest";
import { networkSpec } from "../../../src/cli/launch-options.ts";

const br0 = { network: "br0" };
const bridged = { network: "bridged" };

test.each([
  [{}, {}],
  [{ network: ["isolated"] }, { network: "isolated" }],
  [{ network: ["default", "br0"] }, { network: "default", networks: [br0] }],
  [{ network: ["br0", "bridged"] }, { networks: [br0, bridged] }],
  [{ bridged: true }, { networks: [bridged] }],
] as const)("%j is %j", (options, spec) => {
  const { network, ...rest } = { network: undefined, ...options };
  expect(networkSpec({ ...rest, ...(network ? { network: [...network] } : {}) }, "berth")).toEqual(spec);
});

test("Multipass has no words for what a guest reaches", () => {
  expect(networkSpec({ network: ["isolated"] }, "multipass")).toEqual({
    networks: [{ network: "isolated" }],
  });
});
