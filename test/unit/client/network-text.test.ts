import { expect, test } from "vitest";
import { parseNetwork } from "../../../src/client/network-text.ts";

test.each([
  ["br0", { network: "br0" }],
  ["bridged", { network: "bridged" }],
  ["name=br0", { network: "br0" }],
  ["name=br0,mode=manual", { network: "br0", mode: "manual" }],
  [
    "mac=52:54:00:4b:ab:cd,name=Wi-Fi,mode=AUTO",
    { network: "Wi-Fi", mode: "auto", mac: "52:54:00:4b:ab:cd" },
  ],
  ["name=a=b", { network: "a=b" }],
])("%j is %j", (text, nic) => expect(parseNetwork(text)).toEqual(nic));

test.each([
  ["", "Bad network field definition: "],
  ["br0,br1", "Bad network field definition: br0"],
  ["mode=auto", "need at least a 'name' field"],
  ["name=", "need at least a 'name' field"],
  ["name=br0,mode=dhcp", "Bad network mode 'dhcp', need 'auto' or 'manual'"],
  ["name=br0,id=1", "Bad network field: id"],
])("%j is refused", (text, reason) => expect(() => parseNetwork(text)).toThrow(reason));
