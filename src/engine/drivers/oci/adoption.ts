/** From how a container was made elsewhere to what an instance says of itself. Pure; what cannot be said is left out. */
import { ContainerSpec, type RestartPolicy } from "../../../api/container.ts";
import { PortForward } from "../../../api/port.ts";
import type { Adoption } from "../foreign-containers.ts";
import { ANONYMOUS, type Inspected } from "./containers.ts";
import { ARCHES, type InspectedImage, shapeOf } from "./images.ts";

/** What a runtime tells of how a container was made, beside what of it is read of all. */
export type MadeElsewhere = Pick<Inspected, "Image" | "Mounts"> & {
  Config: {
    Image?: string;
    Entrypoint?: string | string[] | null;
    Cmd?: string[] | null;
    Env?: string[] | null;
    User?: string;
    WorkingDir?: string;
    OpenStdin?: boolean;
    Tty?: boolean;
    Healthcheck?: {
      Test?: string[] | null;
      Interval?: number;
      Timeout?: number;
      Retries?: number;
      StartPeriod?: number;
    } | null;
  };
  HostConfig: {
    NanoCpus?: number;
    CpuQuota?: number;
    CpuPeriod?: number;
    Memory?: number;
    PidsLimit?: number | null;
    NetworkMode?: string;
    RestartPolicy?: { Name?: string } | null;
    PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null;
    Tmpfs?: Record<string, string> | null;
    ReadonlyRootfs?: boolean;
    Privileged?: boolean;
    CapAdd?: string[] | null;
    CapDrop?: string[] | null;
  };
};

const POLICIES = new Set<string>(["on-failure", "always", "unless-stopped"] satisfies RestartPolicy[]);
const NS_PER_MS = 1_000_000;
const NS_PER_CPU = 1e9;

export function adoptionOf(found: MadeElsewhere, image: InspectedImage): Adoption {
  const { Config: config, HostConfig: host } = found;
  const isolated = host.NetworkMode === "none";
  return {
    spec: {
      ...specOf(found),
      image: { reference: config.Image ?? image.references[0] ?? image.id, id: image.id },
    },
    arch: ARCHES[image.arch],
    cpus: Math.ceil(cpusOf(host)),
    memoryBytes: host.Memory ?? 0,
    ports: isolated ? [] : portsOf(host),
    isolated,
  };
}

/** Each part by itself: what our words cannot say of one does not hide the others. */
function specOf({ Config: config, HostConfig: host, Mounts }: MadeElsewhere): ContainerSpec {
  const entrypoint = wordsOf(config.Entrypoint);
  const command = config.Cmd ?? [];
  const parts = {
    shape: shapeOf({ entrypoint, command }),
    ...(entrypoint.length > 0 ? { entrypoint } : {}),
    ...(command.length > 0 ? { command } : {}),
    env: envOf(config.Env ?? []),
    ...(config.User ? { user: config.User } : {}),
    ...(config.WorkingDir ? { workdir: config.WorkingDir } : {}),
    ...(config.OpenStdin ? { interactive: true } : {}),
    ...(config.Tty ? { tty: true } : {}),
    ...(POLICIES.has(host.RestartPolicy?.Name ?? "") ? { restart: host.RestartPolicy?.Name } : {}),
    ...((host.PidsLimit ?? 0) > 0 ? { pidsLimit: host.PidsLimit } : {}),
    volumes: volumesOf(Mounts ?? []),
    tmpfs: Object.keys(host.Tmpfs ?? {}).map((target) => ({ target })),
    ...(host.ReadonlyRootfs ? { readOnlyRoot: true } : {}),
    ...(host.Privileged ? { privileged: true } : {}),
    capAdd: capabilitiesOf(host.CapAdd),
    capDrop: capabilitiesOf(host.CapDrop),
    ...(isNamedNetwork(host.NetworkMode) ? { networks: [host.NetworkMode] } : {}),
    ...healthOf(config.Healthcheck),
  };
  const sayable = Object.entries(parts).filter(
    ([key, value]) =>
      !(Array.isArray(value) && value.length === 0) && ContainerSpec.safeParse({ [key]: value }).success,
  );
  return ContainerSpec.parse(Object.fromEntries(sayable));
}

function wordsOf(words: string | string[] | null | undefined): string[] {
  return typeof words === "string" ? [words].filter(Boolean) : (words ?? []);
}

function envOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line): [string, string] => {
    const [name = ""] = line.split("=", 1);
    return [name, line.slice(name.length + 1)];
  });
  return Object.fromEntries(pairs.filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)));
}

function cpusOf({ NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0 }: MadeElsewhere["HostConfig"]): number {
  if (NanoCpus > 0) return NanoCpus / NS_PER_CPU;
  return CpuQuota > 0 && CpuPeriod > 0 ? CpuQuota / CpuPeriod : 0;
}

function volumesOf(mounts: NonNullable<MadeElsewhere["Mounts"]>) {
  return mounts.flatMap(({ Type, Name, Destination, RW }) =>
    Type === "volume" && Name !== undefined && !ANONYMOUS.test(Name)
      ? [{ name: Name, target: Destination, ...(RW === false ? { readOnly: true } : {}) }]
      : [],
  );
}

/** Podman names them as the kernel does. */
function capabilitiesOf(names: readonly string[] | null | undefined): string[] {
  return (names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ""));
}

/** None of a runtime's own words for what every container has. */
function isNamedNetwork(mode = "default"): boolean {
  return !/^(default|bridge|podman|none|host|private|slirp4netns|pasta|container:.*|ns:.*)?$/.test(mode);
}

function healthOf(check: MadeElsewhere["Config"]["Healthcheck"]) {
  const [how, ...words] = check?.Test ?? [];
  const command = how === "CMD" ? words : how === "CMD-SHELL" ? ["/bin/sh", "-c", ...words] : [];
  if (command.length === 0) return {};
  const ms = (nanoseconds = 0) => Math.round(nanoseconds / NS_PER_MS);
  const { Interval, Timeout, Retries = 0, StartPeriod } = check ?? {};
  const health = {
    command,
    ...(ms(Interval) > 0 ? { intervalMs: ms(Interval) } : {}),
    ...(ms(Timeout) > 0 ? { timeoutMs: ms(Timeout) } : {}),
    ...(Retries > 0 ? { retries: Retries } : {}),
    ...(ms(StartPeriod) > 0 ? { startPeriodMs: ms(StartPeriod) } : {}),
  };
  return { health };
}

/** Where no port was asked for, there is another one at every start. */
function portsOf({ PortBindings }: MadeElsewhere["HostConfig"]): PortForward[] {
  return Object.entries(PortBindings ?? {}).flatMap(([key, bindings]) => {
    const [guest, protocol = "tcp"] = key.split("/");
    return (bindings ?? []).flatMap(({ HostIp, HostPort }) => {
      const hostAddress = HostIp || "0.0.0.0";
      const port = { protocol, hostAddress, hostPort: Number(HostPort), guestPort: Number(guest) };
      return PortForward.safeParse(port).data ?? [];
    });
  });
}
