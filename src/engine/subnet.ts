/** The network that this engine's instances are in. */
import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Subnet } from "./drivers/driver.ts";
import { chooseSubnet, subnetAround } from "./networks/addresses.ts";
import type { InstanceFiles } from "./store/instance-files.ts";
import type { Store } from "./store/store.ts";

const SUBNET_KEY = "internal.subnet";

/** Chosen once; after the loss of the settings, found again from an instance that lives in it. */
export async function subnetOf(store: Store, files: InstanceFiles): Promise<Subnet> {
  const stored = store.readSetting(SUBNET_KEY);
  if (typeof stored === "string") return subnetAround(stored);
  const descriptors = (await files.scan()).flatMap(({ descriptor }) => descriptor ?? []);
  const placed = descriptors.filter(({ address }) => address !== "");
  const [first] = placed.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  const subnet = first ? subnetAround(first.address) : chooseSubnet(addressesInUse(), randomUUID());
  store.writeSettings({ [SUBNET_KEY]: subnet.gateway });
  return subnet;
}

function addressesInUse(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.flatMap(({ family, cidr }) => (family === "IPv4" && cidr ? [cidr] : []));
}
