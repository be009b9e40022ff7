/** What a driver is told of an instance: its descriptor, its keys, and where its files are. */
import { EngineError } from "../../base/errors.ts";
import type { DriverInstance, Subnet } from "../drivers/driver.ts";
import type { InstanceKeys } from "../keys/instance-keys.ts";
import type { InstanceFiles } from "../store/instance-files.ts";
import type { BaseImage, Descriptor } from "../store/record.ts";
import { hasLogin } from "./container.ts";
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
  keys: Pick<InstanceKeys, "open">;
  subnet: Subnet;
  runDirectory: string;
  /** The file in its drive. */
  medium: DriverInstance["medium"];
};

/** Rejects with `internal` where the keys of its login are wanted and missing. */
export async function driverInstanceOf(
  entry: Entry,
  { files, keys, subnet, runDirectory, medium }: Places,
  withoutKeys: boolean,
): Promise<DriverInstance> {
  const { descriptor } = entry.record;
  const { id, name, arch, cpus, memoryBytes, diskBytes, address, mac, networks, base } = descriptor;
  const { guest, firmware, tpm, network } = descriptor;
  const display = hasDisplay(descriptor);
  const container = containerOf(descriptor);
  const secrets = withoutKeys || !hasLogin(descriptor) ? undefined : await files.readSecrets(id);
  // The engine enters a container through its runtime: without keys it lacks nothing but its logins.
  if (!withoutKeys && container === undefined && !(base && secrets)) {
    throw new EngineError("internal", `cannot use ${name}: its keys are missing from its directory`, {
      hint: `Put back ${files.directory(id)} from a backup.`,
    });
  }
  const { path, format, sizeBytes, virtualBytes, user } = base ?? NO_IMAGE;
  return {
    ...{ id, name, arch, cpus, memoryBytes, diskBytes, address, mac, networks },
    ...{ guest, firmware, tpm, display, medium, network, subnet, runDirectory },
    directory: files.directory(id),
    image: container || isBlank(base) ? undefined : { path, format, sizeBytes, virtualBytes },
    container,
    ports: descriptor.ports,
    userData: secrets?.userData,
    shares: descriptor.mounts.filter(({ type }) => type === "native"),
    disks: descriptor.disks.filter(({ removedAt }) => removedAt === undefined),
    generations: descriptor.generations,
    formerKeys: descriptor.clonedFrom?.keys,
    openKey: descriptor.encrypted ? () => keys.open({ id, name }) : undefined,
    login: secrets?.login ?? { user: container?.user ?? user, client: NO_KEYS, host: NO_KEYS },
  };
}

/** Undefined of a VM, and of a container whose image is not known yet: no driver is given that. */
function containerOf({ container }: Descriptor): DriverInstance["container"] {
  return container?.image && { ...container, image: container.image };
}
