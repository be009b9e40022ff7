/**
 * What of an instance's final configuration reaches the host itself. The one function that every way of making or changing an
 * instance calls, with the configuration as it will be: launch, edit, clone, restore, import, rollback, adoption. A field that
 * comes to reach the host belongs in the table here.
 */
import type { HostPrivilege } from "../../api/access.ts";
import type { ContainerSpec } from "../../api/container.ts";
import type { Mount } from "../../api/mount.ts";
import type { HostNic } from "../../api/network.ts";
import type { PortForward } from "../../api/port.ts";
import { EngineError } from "../../base/errors.ts";
import { asking, permitOn } from "./asking.ts";
import { instancePath } from "./paths.ts";

/** What is looked at of a descriptor, or of one that is planned. */
export type HostFacing = {
  name: string;
  project?: string | undefined;
  mounts?: readonly Pick<Mount, "source">[] | undefined;
  networks?: readonly Pick<HostNic, "network">[] | undefined;
  ports?: readonly Pick<PortForward, "hostAddress" | "hostPort">[] | undefined;
  medium?: { path?: string | undefined } | undefined;
  /** Files that disks are copied from. */
  files?: readonly string[] | undefined;
  container?: Pick<ContainerSpec, "privileged" | "capAdd" | "volumes" | "networks"> | undefined;
};

type Touch = { privilege: HostPrivilege; what: string };

/** Pure. */
export function hostTouches(config: HostFacing): Touch[] {
  const { mounts = [], networks = [], ports = [], files = [], medium, container } = config;
  return [
    ...touch("host.mount", [...mounts.map(({ source }) => source), medium?.path, ...files]),
    ...touch(
      "host.bridge",
      networks.map(({ network }) => `the network ${network}`),
    ),
    ...touch(
      "host.publish",
      ports
        .filter(({ hostAddress }) => !isLoopback(hostAddress))
        .map((port) => `${port.hostAddress}:${port.hostPort}`),
    ),
    ...(container ? containerTouches(container) : []),
  ];
}

/** Volumes and networks of a runtime belong to the host and to no project. */
function containerTouches(container: NonNullable<HostFacing["container"]>): Touch[] {
  const { privileged, capAdd = [], volumes = [], networks = [] } = container;
  return [
    ...touch("container.privileged", [privileged ? "a privileged container" : undefined, ...capAdd]),
    ...touch(
      "host.mount",
      volumes.map(({ name }) => `the volume ${name}`),
    ),
    ...touch(
      "host.bridge",
      networks.map((name) => `the network ${name}`),
    ),
  ];
}

function touch(privilege: HostPrivilege, whats: readonly (string | undefined)[]): Touch[] {
  return whats.flatMap((what) => (what === undefined ? [] : [{ privilege, what }]));
}

/** Whether an image is a file of this host, and not one of a catalog. */
export function isHostFile(reference: string): boolean {
  return /^(?:file:|[/\\.~]|[a-z]:[/\\])/i.test(reference.trim());
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.");
}

/**
 * Throws where who asks may not make of it what it will be. What was there `before` is nobody's new doing. A new one is looked
 * at where it will lie: what is asked for must be allowed there, too.
 */
export function permitConfig(before: HostFacing | undefined, after: HostFacing, doing: string): void {
  const who = asking();
  if (!who) return;
  const path = instancePath(after);
  if (!before) permitOn(path, doing);
  const known = new Set((before ? hostTouches(before) : []).map(keyOf));
  const refused = hostTouches(after).find((one) => !known.has(keyOf(one)) && !who.may(one.privilege, path));
  if (!refused) return;
  const reason = `${who.principal.name} lacks ${refused.privilege}, which ${refused.what} needs`;
  throw new EngineError("permission-denied", `cannot ${doing}: ${reason}`);
}

function keyOf({ privilege, what }: Touch): string {
  return `${privilege} ${what}`;
}
