/** What a driver is told of an instance: its descriptor, its keys, and where its files are. */
import { EngineError } from "../../base/errors.ts";
import type { DriverInstance, Subnet } from "../drivers/driver.ts";
import type { InstanceFiles } from "../store/instance-files.ts";
import type { BaseImage } from "../store/record.ts";
import type { Entry } from "./entry.ts";
import { hasDisplay, isBlank } from "./machine.ts";

const NO_KEYS = { privateKey: "", publicKey: "" };

/** Of an instance whose descriptor cannot be read. */
const NO_IMAGE: BaseImage = {
  id: "unknown",
  path: "",
  format: "qcow2",
  sizeBytes: 0,
  virtualBytes: 0,
  user: "root",
};

type Places = {
  files: InstanceFiles;
  subnet: Subnet;
  runDirectory: string;
  /** The file in its drive. */
  medium: DriverInstance["medium"];
};

/** Rejects with `internal` where its keys are wanted and missing. */
export async function driverInstanceOf(
  entry: Entry,
  { files, subnet, runDirectory, medium }: Places,
  withoutKeys: boolean,
): Promise<DriverInstance> {
  const { descriptor } = entry.record;
  const { id, name, arch, cpus, memoryBytes, diskBytes, address, mac, networks, base } = descriptor;
  const { guest, firmware, tpm } = descriptor;
  const display = hasDisplay(descriptor);
  const secrets = withoutKeys ? undefined : await files.readSecrets(id);
  if (!withoutKeys && !(base && secrets)) {
    throw new EngineError("internal", `cannot use ${name}: its keys are missing from its directory`, {
      hint: `Put back ${files.directory(id)} from a backup.`,
    });
  }
  const { path, format, sizeBytes, virtualBytes, user } = base ?? NO_IMAGE;
  return {
    ...{ id, name, arch, cpus, memoryBytes, diskBytes, address, mac, networks },
    ...{ guest, firmware, tpm, display, medium, subnet, runDirectory },
    isolated: descriptor.network === "isolated",
    directory: files.directory(id),
    image: isBlank(base) ? undefined : { path, format, sizeBytes, virtualBytes },
    userData: secrets?.userData,
    shares: descriptor.mounts.filter(({ type }) => type === "native"),
    disks: descriptor.disks.filter(({ removedAt }) => removedAt === undefined),
    formerKeys: descriptor.clonedFrom?.keys,
    login: secrets?.login ?? { user, client: NO_KEYS, host: NO_KEYS },
  };
}
