/** What the driver keeps in an instance's directory, and the identity that the guest is given there. */
import path from "node:path";
import { exists } from "../../../base/durable.ts";
import { writeLoginFiles } from "../../guest/keys.ts";
import { expectedHostKeys, type SeedInput, writeSeed } from "../../guest/seed.ts";
import type { DriverInstance } from "../driver.ts";

/** The seed that says who the guest is, and what OpenSSH needs to enter it. */
export async function writeIdentity(instance: DriverInstance): Promise<void> {
  const { seed } = filesOf(instance);
  const { login, userData } = instance;
  if (!(await exists(seed))) await writeSeed(seed, seedOf(instance));
  await writeLoginFiles(instance.directory, login, expectedHostKeys(login, userData));
}

export function seedOf({ id, name, login, userData, formerKeys }: DriverInstance): SeedInput {
  return { instanceId: id, hostname: name, login, userData, formerKeys };
}

export function filesOf({ directory }: DriverInstance) {
  return {
    disk: path.join(directory, "disk.qcow2"),
    seed: path.join(directory, "seed.iso"),
    variables: path.join(directory, "uefi-vars.fd"),
    serialLog: path.join(directory, "serial.log"),
  };
}
