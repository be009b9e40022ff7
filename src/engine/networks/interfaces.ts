/** The interfaces of this host that guests could be bridged to. */
import { readdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import path from "node:path";
import type { HostNetwork } from "../../api/network.ts";
import { exists } from "../../base/durable.ts";

const SYSFS = "/sys/class/net";

/** From the kernel's own list where it has one (Linux), else from the addresses that are in use. Sorted by name. */
export async function hostNetworks(folder = SYSFS): Promise<HostNetwork[]> {
  const names = await readdir(folder).catch(() => undefined);
  const found = names ? await Promise.all(names.map((name) => fromKernel(folder, name))) : fromAddresses();
  return found.flatMap((one) => one ?? []).sort((a, b) => a.name.localeCompare(b.name));
}

/** Neither loopback nor what a program has made for itself: those have no device behind them. */
async function fromKernel(folder: string, name: string): Promise<HostNetwork | undefined> {
  const has = (part: string) => exists(path.join(folder, name, part));
  if (await has("bridge")) {
    const ports = await readdir(path.join(folder, name, "brif")).catch(() => []);
    const description =
      ports.length > 0 ? `Network bridge with ${ports.sort().join(", ")}` : "Network bridge";
    return { name, type: "bridge", description };
  }
  if (await has("wireless")) return { name, type: "wifi", description: "Wi-Fi device" };
  if (await has("device")) return { name, type: "ethernet", description: "Ethernet device" };
  return undefined;
}

function fromAddresses(): HostNetwork[] {
  const outside = Object.entries(networkInterfaces()).filter(([, all]) =>
    all?.some(({ internal }) => !internal),
  );
  return outside.map(([name]) => ({ name, type: "other", description: "Network interface" }));
}
