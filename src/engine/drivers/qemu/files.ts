/** What the driver keeps in an instance's directory, and the identity that the guest is given there. */
import path from "node:path";
import type { HostNic } from "../../../api/network.ts";
import { exists } from "../../../base/durable.ts";
import { writeLoginFiles } from "../../guest/keys.ts";
import type { GuestNic } from "../../guest/network-config.ts";
import { expectedHostKeys, type SeedInput, writeSeed } from "../../guest/seed.ts";
import type { DriverDisk, DriverInstance } from "../driver.ts";
import { outwardMac } from "./argv.ts";

/** The seed that says who the guest is, and what OpenSSH needs to enter it. */
export async function writeIdentity(instance: DriverInstance, lan: boolean): Promise<void> {
  const { seed } = filesOf(instance);
  const { login, userData } = instance;
  if (!(await exists(seed))) await writeSeed(seed, seedOf(instance, lan));
  await writeLoginFiles(instance.directory, login, await expectedHostKeys(login, userData));
}

/** `lan`: whether it has a NIC for the engine's network beside the one that leads out. */
export function seedOf(instance: DriverInstance, lan: boolean): SeedInput {
  const { id, name, login, userData, formerKeys } = instance;
  return { instanceId: id, hostname: name, login, userData, formerKeys, nics: nicsOf(instance, lan) };
}

function nicsOf(instance: DriverInstance, lan: boolean): GuestNic[] {
  const { mac, address, subnet, network, networks } = instance;
  const metric = networks.length > 0 ? { routeMetric: 100 } : {};
  const outward = { name: "net", mac: outwardMac(mac), ...metric };
  if (network === "isolated") return [outward];
  const bits = subnet.cidr.split("/")[1];
  const own = { name: "lan", mac, address: `${address}/${bits}`, optional: true };
  return [outward, ...(lan ? [own] : []), ...networks.map(hostNic)];
}

/** The way out stays the guest's first choice, whatever a renderer takes for a NIC without a metric. */
function hostNic({ mac, mode }: HostNic, number: number): GuestNic {
  const nic = { name: `host${number}`, mac, optional: true };
  return mode === "auto" ? { ...nic, routeMetric: 200 } : { ...nic, unconfigured: true };
}

export function filesOf({ directory }: DriverInstance) {
  return {
    disk: path.join(directory, "disk.qcow2"),
    seed: path.join(directory, "seed.iso"),
    variables: path.join(directory, "uefi-vars.fd"),
    serialLog: path.join(directory, "serial.log"),
  };
}

export function extraDiskFile(
  { directory }: Pick<DriverInstance, "directory">,
  { id }: Pick<DriverDisk, "id">,
) {
  return path.join(directory, `disk-${id}.qcow2`);
}

/** The first disk and the others. */
export function diskFiles(instance: DriverInstance): string[] {
  return [filesOf(instance).disk, ...instance.disks.map((disk) => extraDiskFile(instance, disk))];
}

/** Where a swtpm keeps its state, and the name that it gives it. */
export const TPM_FOLDER = "tpm";
const TPM_STATE = "tpm2-00.permall";

/** What else belongs to a point in the guest's time: UEFI's variables and the TPM's state, where there are some. */
export function smallFiles(instance: DriverInstance): string[] {
  return [filesOf(instance).variables, path.join(instance.directory, TPM_FOLDER, TPM_STATE)];
}
