import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostNetworks } from "../../../../src/engine/networks/interfaces.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "berth-net-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("bridges, wireless and wired devices are told apart; what has no device is not shown", async () => {
  for (const part of [
    "br0/bridge",
    "br0/brif/eth0",
    "br1/bridge",
    "wlan0/wireless",
    "wlan0/device",
    "eth0/device",
    "lo",
  ])
    await mkdir(path.join(folder, part), { recursive: true });
  await writeFile(path.join(folder, "bonding_masters"), "");
  expect(await hostNetworks(folder)).toEqual([
    { name: "br0", type: "bridge", description: "Network bridge with eth0" },
    { name: "br1", type: "bridge", description: "Network bridge" },
    { name: "eth0", type: "ethernet", description: "Ethernet device" },
    { name: "wlan0", type: "wifi", description: "Wi-Fi device" },
  ]);
});

test("without the kernel's list, what has an address beyond loopback is shown", async () => {
  for (const one of await hostNetworks(path.join(folder, "none"))) expect(one.type).toBe("other");
});
