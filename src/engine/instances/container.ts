/** What a launch of a container asks for, and what cannot be asked of one. Pure. */
import type { ContainerFacts } from "../../api/container.ts";
import type { NewMount } from "../../api/mount.ts";
import { EngineError } from "../../base/errors.ts";
import type { Running } from "../drivers/running.ts";
import type { ContainerRecord, Descriptor } from "../store/record.ts";
import type { Finding, Sizes } from "./check.ts";
import type { ParsedSpec } from "./plan.ts";

/** What only a machine of its own has: the key in a launch, what is wrong with it, and the next thing to do. */
const OF_MACHINES: readonly [keyof ParsedSpec, string, string?][] = [
  ["iso", "a container boots from no ISO"],
  ["guest", "what a container is used through cannot be chosen", "Choose its shape."],
  ["firmware", "a container has no firmware"],
  ["tpm", "a container has no TPM"],
  ["display", "a container has no screen"],
  ["userData", "a container has no cloud-init to read user-data", "Build an image, or give it a command."],
  ["diskBytes", "a container has no disk of its own, and so no size of it"],
  ["disks", "a container has no disks to be plugged in", "Give it a volume."],
  ["networks", "a container has no NICs on networks of this host", "Name a network of its runtime."],
];

/**
 * Whether it has keys of ours: a machine may have an SSH server in it. An application, and what others have made, is
 * entered through its runtime alone.
 */
export function hasLogin({
  container,
}: {
  container?: Pick<ContainerRecord, "shape" | "adopted"> | undefined;
}): boolean {
  return container === undefined || (container.shape === "machine" && container.adopted === undefined);
}

/** What contradicts itself where a container is asked for. */
export function containerFindings(spec: ParsedSpec): Finding[] {
  if (!spec.container) return [];
  const asked = OF_MACHINES.filter(([key]) => isAsked(spec[key]));
  const findings = asked.map(([, message, hint]) => refused(message, hint));
  if (spec.image === undefined) findings.push(refused("a container needs an image", "Name one: alpine:3.20"));
  return findings;
}

/** None of something is what every container has. */
function isAsked(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function refused(message: string, hint?: string): Finding {
  const finding = { code: "container-impossible", severity: "error", message } as const;
  return { ...finding, error: "invalid-argument", ...(hint === undefined ? {} : { hint }) };
}

/** Throws `not-supported` for a container: `doing` begins the message, `lacks` is what only a machine has. */
export function refuseOfContainer(
  { name, container }: Pick<Descriptor, "name" | "container">,
  doing: string,
  lacks: string,
  hint: string,
): void {
  if (!container) return;
  throw new EngineError("not-supported", `cannot ${doing} ${name}: a container has no ${lacks}`, { hint });
}

/** Directories of this host are shown to a container by its runtime. */
export function mountsOf({ container, mounts = [] }: ParsedSpec): NewMount[] {
  return container ? mounts.map(byRuntime) : mounts;
}

export function byRuntime(mount: NewMount): NewMount {
  return { ...mount, type: "native" };
}

/** What it may use at most; 0 where there is no limit. */
export function limitsOf({ cpus = 0, memoryBytes = 0 }: ParsedSpec): Sizes {
  return { cpus, memoryBytes, diskBytes: 0 };
}

export function containerFacts(
  { env = {}, adopted, ownVolumes: _, ...rest }: ContainerRecord,
  running: Running | undefined,
): ContainerFacts {
  const { paused = false, health } = running ?? {};
  return {
    ...rest,
    env: Object.keys(env),
    ...(adopted === undefined ? {} : { adopted: true }),
    ...(health === undefined ? {} : { healthStatus: health }),
    paused,
  };
}
