/** What has to be done to one instance so that it is as its file says. Pure. */
import { createHash } from "node:crypto";
import type { Instance } from "../../api/instance.ts";
import type { NetworkMode } from "../../api/network-mode.ts";
import type { NewPortForward } from "../../api/port.ts";
import type { Project, ProjectInstance } from "../../api/project.ts";
import { parseMount, targetOf } from "../../base/mount-text.ts";
import { parseSize } from "../../base/units.ts";
import { containerReference } from "../container-text.ts";
import { parseNetwork, type WrittenNic } from "../network-text.ts";

export type Sizes = { cpus?: number; memoryBytes?: number; diskBytes?: number };

/** As the file has it; its source is absolute already. */
export type WrittenMount = { source: string; target?: string };

/** One thing to do. */
export type Change =
  | { do: "launch" }
  | { do: "change-sizes"; sizes: Sizes }
  | { do: "add-disk"; name: string; sizeBytes: number }
  | { do: "resize-disk"; name: string; sizeBytes: number }
  | { do: "restore"; snapshot: string }
  | { do: "start" }
  | { do: "add-port"; port: Partial<NewPortForward> & { guestPort: number } }
  | { do: "add-mount"; mount: WrittenMount }
  | { do: "add-network"; nic: WrittenNic }
  | { do: "change-network"; mode: NetworkMode }
  | { do: "tell"; text: string };

/** Of a file's entry, as the API wants them. Throws `invalid-argument`. */
export function sizesOf({ cpus, memory, disk }: ProjectInstance): Sizes {
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memoryBytes: parseSize(memory, "memory") }),
    ...(disk === undefined ? {} : { diskBytes: parseSize(disk, "disk") }),
  };
}

/** The extra disks of a file's entry. Throws `invalid-argument`. */
export function disksOf({ disks = {} }: ProjectInstance): { name: string; sizeBytes: number }[] {
  return Object.entries(disks).map(([name, size]) => ({ name, sizeBytes: parseSize(size, "disk") }));
}

/** Disks that are missing or smaller. One that was removed by hand holds something, so that no empty one takes its place. */
function diskChanges(name: string, wanted: ProjectInstance, { disks }: Pick<Instance, "disks">): Change[] {
  const now = disks.filter(({ removedAt }) => removedAt === undefined);
  return disksOf(wanted).flatMap((disk): Change[] => {
    const known = now.find((one) => one.name === disk.name);
    if (known) return known.sizeBytes < disk.sizeBytes ? [{ do: "resize-disk", ...disk }] : [];
    if (!disks.some((one) => one.name === disk.name)) return [{ do: "add-disk", ...disk }];
    const text = `the disk ${disk.name} of ${name} was removed; put it back: berth disk recover ${name} ${disk.name}`;
    return [{ do: "tell", text }];
  });
}

/** Of the file's entry, what the API takes in another form. `bridged` is the network that it means already. */
export type Written = { mounts?: readonly WrittenMount[]; networks?: readonly WrittenNic[] };

/** `bridged` is the network that the engine's settings say it is, where they do. */
export function writtenOf(wanted: ProjectInstance, directory: string, bridged = ""): Written {
  const networks = (wanted.networks ?? []).map(parseNetwork);
  return {
    mounts: mountsOf(wanted, directory),
    networks: networks.map((nic) =>
      nic.network === "bridged" && bridged !== "" ? { ...nic, network: bridged } : nic,
    ),
  };
}

export function mountsOf({ mounts = [] }: ProjectInstance, directory: string): WrittenMount[] {
  return mounts.map((text) => parseMount(text, directory));
}

/**
 * In the order to do it in; provisioning follows when the instance is ready. `snapshots` are the names of those that it
 * has. What is as it should be is left alone, so that doing it twice changes nothing.
 */
export function changesOf(
  name: string,
  wanted: ProjectInstance,
  now: Instance | undefined,
  snapshots: readonly string[],
  { mounts = [], networks = [] }: Written = {},
): Change[] {
  const ports = (wanted.ports ?? []).map(portOf);
  // A container is given its ports when it is made.
  if (!now && isContainer(wanted)) return [{ do: "launch" }];
  if (!now) return [{ do: "launch" }, ...ports.map((port) => ({ do: "add-port" as const, port }))];
  const missing = ports.filter((port) => !now.ports.some((one) => isPort(one, port)));
  const opened: Change[] = [
    ...missing.map((port) => ({ do: "add-port" as const, port })),
    ...mounts
      .filter((mount) => !now.mounts.some((one) => one.target === targetOf(mount)))
      .map((mount) => ({ do: "add-mount" as const, mount })),
  ];
  const differing = difference(sizesOf(wanted), now);
  const told = keptOtherwise(name, wanted, now).map((text) => ({ do: "tell" as const, text }));
  const unconnected = missingNics(networks, now);
  const reach =
    wanted.network === undefined || wanted.network === now.network || now.state === "suspended"
      ? []
      : [{ do: "change-network" as const, mode: wanted.network }];
  if (now.state === "running" || now.state === "starting" || now.state === "restarting") {
    const what = [...(differing ? ["sizes"] : []), ...(unconnected.length > 0 ? ["networks"] : [])];
    const text = `${name} has other ${what.join(" and ")} than its file says; they change when it has been stopped: berth down ${name}, then up`;
    const later = what.length > 0 ? [{ do: "tell" as const, text }] : [];
    return [...told, ...later, ...reach, { do: "start" }, ...diskChanges(name, wanted, now), ...opened];
  }
  const { snapshot } = wanted;
  const restores = snapshot !== undefined && snapshots.includes(snapshot) && now.state === "stopped";
  return [
    ...told,
    ...(restores ? [{ do: "restore" as const, snapshot }] : []),
    ...(differing && now.state === "stopped" ? [{ do: "change-sizes" as const, sizes: differing }] : []),
    ...(now.state === "suspended" ? [] : diskChanges(name, wanted, now)),
    ...(now.state === "stopped" ? unconnected.map((nic) => ({ do: "add-network" as const, nic })) : []),
    ...reach,
    { do: "start" },
    ...(now.state === "suspended" ? diskChanges(name, wanted, now) : []),
    ...opened,
  ];
}

/** Tells what a file says of an instance from what it says at another time. */
export function digestOf(wanted: ProjectInstance): string {
  return digest(JSON.stringify(wanted));
}

/**
 * Whether an automatic snapshot comes first: a machine that rests is about to get what its file says otherwise than when
 * it was brought up last, steps that it has not run among it, and none of the changes takes one itself.
 */
export function isKeptFirst(
  wanted: ProjectInstance,
  now: Instance | undefined,
  changes: readonly Change[],
): boolean {
  if (now?.kind !== "vm" || now.state !== "stopped" || now.broughtUpAs === digestOf(wanted)) return false;
  return !changes.some(
    (one) => one.do === "restore" || (one.do === "change-sizes" && one.sizes.diskBytes !== undefined),
  );
}

export function isContainer({ image }: ProjectInstance): boolean {
  return image !== undefined && containerReference(image) !== undefined;
}

/** Those that it has no NIC for; others that it has are left alone. */
export function missingNics(wanted: readonly WrittenNic[], now: Pick<Instance, "networks">): WrittenNic[] {
  const left = now.networks.map(({ network }) => network);
  return wanted.filter(({ network }) => {
    const at = left.indexOf(network);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** In what it stays as it was launched, whatever its file says by now. */
function keptOtherwise(name: string, wanted: ProjectInstance, now: Instance): string[] {
  const { zone, display, encrypted } = now;
  const place = `${name} is in ${zone.name}, and stays there; its file says ${wanted.zone}`;
  const screen = `${name} was launched ${display ? "with" : "without"} a display, and stays so; its file says display: ${wanted.display}`;
  const key = `${name} was launched ${encrypted ? "encrypted" : "in plain text"}, and stays so; its file says encrypted: ${wanted.encrypted}`;
  return [
    ...(isElsewhere(wanted, now) ? [place] : []),
    ...(isOtherDisplay(wanted, now) ? [screen] : []),
    ...(isEncryptedOtherwise(wanted, now) ? [key] : []),
  ];
}

/** An instance is encrypted for its whole life, or never. */
export function isEncryptedOtherwise(
  { encrypted }: ProjectInstance,
  now: Pick<Instance, "encrypted">,
): boolean {
  return encrypted !== undefined && encrypted !== now.encrypted;
}

/** A screen is there from the launch on, or never. */
export function isOtherDisplay({ display }: ProjectInstance, now: Pick<Instance, "display">): boolean {
  return display !== undefined && display !== now.display;
}

/** An instance keeps the zone that it was launched in. */
export function isElsewhere({ zone }: ProjectInstance, now: Pick<Instance, "zone">): boolean {
  return zone !== undefined && zone !== now.zone.name;
}

/** Only what differs; undefined where nothing does. A smaller disk than the instance has is no difference. */
export function difference(
  wanted: Sizes,
  now: Pick<Instance, "cpus" | "memoryBytes" | "diskBytes">,
): Sizes | undefined {
  const { cpus, memoryBytes, diskBytes } = wanted;
  const sizes = {
    ...(cpus !== undefined && cpus !== now.cpus ? { cpus } : {}),
    ...(memoryBytes !== undefined && memoryBytes !== now.memoryBytes ? { memoryBytes } : {}),
    ...(diskBytes !== undefined && diskBytes > now.diskBytes ? { diskBytes } : {}),
  };
  return Object.keys(sizes).length > 0 ? sizes : undefined;
}

/** `8080:80/udp`; the file's schema has checked its form. */
export function portOf(text: string): Partial<NewPortForward> & { guestPort: number } {
  const [numbers = "", protocol] = text.split("/");
  const parts = numbers.split(":");
  const guestPort = Number(parts.at(-1));
  const hostPort = parts.at(-2);
  const hostAddress = parts.at(-3);
  return {
    guestPort,
    ...(hostPort === undefined ? {} : { hostPort: Number(hostPort) }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(protocol === undefined ? {} : { protocol: protocol as "tcp" | "udp" }),
  };
}

function isPort(one: Instance["ports"][number], wanted: ReturnType<typeof portOf>): boolean {
  const sameHost = wanted.hostPort === undefined || wanted.hostPort === one.hostPort;
  return sameHost && one.guestPort === wanted.guestPort && one.protocol === (wanted.protocol ?? "tcp");
}

export type Step = {
  argv: readonly string[];
  /** Tells the step from others; the guest remembers it when it has succeeded. */
  mark: string;
  always: boolean;
};

/** The steps of an instance. A step that is changed in the file is another step. */
export function stepsOf({ provision = [] }: ProjectInstance): Step[] {
  return provision.map((step) => {
    const { run, always = false } = typeof step === "string" ? { run: step } : step;
    const argv = typeof run === "string" ? ["sh", "-ec", run] : run;
    return { argv, mark: digest(JSON.stringify(argv)), always };
  });
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** These instances and, before each, those that it depends on; all of the file where none is named. */
export function selected({ instances }: Project, names: readonly string[]): string[] {
  const chosen = new Set<string>();
  const add = (name: string) => {
    if (chosen.has(name)) return;
    for (const other of instances[name]?.["depends-on"] ?? []) add(other);
    chosen.add(name);
  };
  for (const name of names.length > 0 ? names : Object.keys(instances)) add(name);
  return [...chosen];
}
