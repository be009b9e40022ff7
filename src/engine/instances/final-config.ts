/** What an instance will be: looked at before anything of an action is done, for what it reaches of the host and what it takes. */
import type { NewPortForward } from "../../api/port.ts";
import { type HostFacing, isHostFile, permitConfig } from "../access/host-touch.ts";
import type { Descriptor } from "../store/record.ts";
import type { ActionInput } from "./actions.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { LaunchInput } from "./launch.ts";
import type { ParsedSpec } from "./plan.ts";

type Parts = Pick<Keeper, "quotas">;

/**
 * Throws `permission-denied` where who asks may not have it so, `no-resources` where its project may not. `doing` completes
 * `cannot …`. Resolves to what it will be.
 */
export function permitAction({ quotas }: Parts, { record }: Entry, input: ActionInput, doing: string): Final {
  const after = finalOf(record.descriptor, input);
  permitConfig(record.descriptor, after, doing);
  quotas.check(after, doing);
  return after;
}

/**
 * The same of what is only asked for, before the host is looked at: whether a file is there is nothing for those who may not
 * have it.
 */
export function permitSpec(spec: ParsedSpec, doing: string): void {
  const { name = "unnamed", project, mounts, networks, ports = [], disks = [], iso, image, container } = spec;
  permitConfig(
    undefined,
    {
      ...{ name, project, mounts, networks, container },
      // `own` is a loopback address that is not known yet.
      ports: ports.flatMap((port) => (port.hostAddress === "own" ? [] : [withHostPort(port)])),
      files: [
        ...disks.flatMap(({ source }) => source ?? []),
        ...[iso ?? "", container ? "" : (image ?? "")].filter(isHostFile),
      ],
    },
    doing,
  );
}

function withHostPort({ hostAddress, hostPort = 0 }: NewPortForward): {
  hostAddress: string;
  hostPort: number;
} {
  return { hostAddress, hostPort };
}

/** The same of what an instance is to have beside what it has. */
export function permitWish({ record }: Entry, wish: Partial<HostFacing>, doing: string): void {
  permitConfig(record.descriptor, { ...record.descriptor, ...wish }, doing);
}

export function permitLaunch({ quotas }: Parts, input: LaunchInput, doing: string): void {
  const copied = input.disks.flatMap(({ source }) => source?.file ?? []);
  const image = !input.container && isHostFile(input.reference) ? [input.reference] : [];
  permitConfig(undefined, { ...input, files: [...copied, ...image] }, doing);
  quotas.check(input, doing);
}

export function permitNew({ quotas }: Parts, made: Descriptor, doing: string): void {
  permitConfig(undefined, made, doing);
  quotas.check(made, doing);
}

export type Final = Descriptor & HostFacing;

/** Pure. */
export function finalOf(descriptor: Descriptor, input: ActionInput): Final {
  const { action, mounts = [], port, nic, medium, disk, network, sizes = {} } = input;
  const {
    cpus = descriptor.cpus,
    memoryBytes = descriptor.memoryBytes,
    diskBytes = descriptor.diskBytes,
  } = sizes;
  const final: Final = {
    ...descriptor,
    ...{ cpus, memoryBytes, diskBytes },
    mounts: [...descriptor.mounts, ...(action === "mount" ? mounts : [])],
    ports: [...descriptor.ports, ...(action === "add-port" && port ? [port] : [])],
    networks: [...descriptor.networks, ...(action === "add-network" && nic ? [nic] : [])],
    ...(action === "change-medium" ? { medium } : {}),
    ...(action === "change-network" && network ? { network } : {}),
    files: disk?.source ? [disk.source.file] : [],
  };
  if (disk && (action === "add-disk" || action === "resize-disk"))
    return { ...final, disks: [...descriptor.disks.filter(({ id }) => id !== disk.id), disk] };
  return action === "restore" ? rolledBack(final, input.snapshot) : final;
}

/** What the snapshot holds comes back, beside what is there. */
function rolledBack(final: Final, id: string | undefined): Final {
  const snapshot = final.snapshots.find((one) => one.id === id);
  if (!snapshot) return final;
  const { cpus, memoryBytes, diskBytes, mounts, disks } = snapshot;
  const others = final.disks.filter((disk) => !disks.some((one) => one.id === disk.id));
  return {
    ...final,
    ...{ cpus, memoryBytes, diskBytes },
    mounts: [...final.mounts, ...mounts],
    disks: [...others, ...disks],
  };
}
