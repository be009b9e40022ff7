/** What an instance will be, as far as it reaches the host: looked at before anything of an action is done. */
import { type HostFacing, isHostFile, permitConfig } from "../access/host-touch.ts";
import type { Descriptor } from "../store/record.ts";
import type { ActionInput } from "./actions.ts";
import type { Entry } from "./entry.ts";
import type { LaunchInput } from "./launch.ts";

/** Throws `permission-denied` where who asks may not have it so. `doing` completes `cannot …`. */
export function permitAction({ record }: Entry, input: ActionInput, doing: string): void {
  permitConfig(record.descriptor, finalOf(record.descriptor, input), doing);
}

export function permitLaunch(input: LaunchInput, doing: string): void {
  const copied = input.disks.flatMap(({ source }) => source?.file ?? []);
  const image = !input.container && isHostFile(input.reference) ? [input.reference] : [];
  permitConfig(undefined, { ...input, files: [...copied, ...image] }, doing);
}

/** Pure. */
export function finalOf(descriptor: Descriptor, input: ActionInput): HostFacing {
  const { action, mounts = [], port, nic, medium, disk, snapshot } = input;
  const rolledBackTo = descriptor.snapshots.find(({ id }) => action === "restore" && id === snapshot);
  return {
    ...descriptor,
    mounts: [...descriptor.mounts, ...(action === "mount" ? mounts : []), ...(rolledBackTo?.mounts ?? [])],
    ports: [...descriptor.ports, ...(action === "add-port" && port ? [port] : [])],
    networks: [...descriptor.networks, ...(action === "add-network" && nic ? [nic] : [])],
    ...(action === "change-medium" ? { medium } : {}),
    files: disk?.source ? [disk.source.file] : [],
  };
}
