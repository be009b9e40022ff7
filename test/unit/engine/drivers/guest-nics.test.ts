import { expect, test } from "vitest";
import { parse } from "yaml";
import type { DriverInstance } from "../../../../src/engine/drivers/driver.ts";
import { seedOf } from "../../../../src/engine/drivers/qemu/files.ts";
import { networkConfig } from "../../../../src/engine/guest/network-config.ts";
import { subnetAround } from "../../../../src/engine/networks/addresses.ts";

const instance = {
  ...{
    id: "i-1",
    name: "web",
    mac: "52:54:00:00:00:01",
    address: "10.9.1.2",
    subnet: subnetAround("10.9.1.2"),
  },
  networks: [
    { network: "br0", mode: "auto", mac: "52:54:00:00:00:02" },
    { network: "br1", mode: "manual", mac: "52:54:00:00:00:03" },
  ],
} as unknown as DriverInstance;

const config = (one: DriverInstance) => parse(networkConfig(seedOf(one, true).nics)).ethernets;

test("NICs on networks of the host ask for an address or are left alone, and never are the way out", () => {
  const { net, lan, host0, host1 } = config(instance);
  expect(net).toMatchObject({ dhcp4: true, "dhcp4-overrides": { "route-metric": 100 } });
  expect(lan).toMatchObject({ addresses: ["10.9.1.2/16"] });
  expect(host0).toEqual({
    ...{ match: { macaddress: "52:54:00:00:00:02" }, "set-name": "host0", dhcp4: true, optional: true },
    "dhcp4-overrides": { "route-metric": 200 },
  });
  expect(host1).toEqual({
    ...{ match: { macaddress: "52:54:00:00:00:03" }, "set-name": "host1", dhcp4: false, optional: true },
  });
  expect(Object.keys(config({ ...instance, networks: [] }))).toEqual(["net", "lan"]);
  expect(config({ ...instance, networks: [] }).net["dhcp4-overrides"]).toBeUndefined();
});
