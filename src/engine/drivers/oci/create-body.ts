/** From an instance to what a runtime is asked to make of it. Pure. */
import { createHash } from "node:crypto";
import path from "node:path";
import type { HealthCheck } from "../../../api/container.ts";
import { leadsOut, privateNetworkOf } from "../../../api/network-mode.ts";
import { EngineError } from "../../../base/errors.ts";
import { refuseInHost } from "../container-host.ts";
import type { DriverInstance } from "../driver.ts";
import type { UnnamedVolume } from "../trees.ts";
import type { InspectedImage } from "./images.ts";

/** What an image says of the containers that are made from it. */
export type ImageConfig = Pick<InspectedImage, "entrypoint" | "command">;

export type CreateBody = Record<string, unknown> & {
  Labels: Record<string, string>;
  HostConfig: Record<string, unknown>;
};

export const INSTANCE_LABEL = "berth.instance";
export const ENGINE_LABEL = "berth.engine";
/** What it reaches, as it was made. */
export const NETWORK_LABEL = "berth.network";
/** A hash of all that the container was made with but its image: another one is due when this differs. */
export const SPEC_LABEL = "berth.spec";

/** How long a program may take to end when it is asked: of an application as its runtimes have it, of an init longer. */
const STOP_SECONDS = { application: 10, machine: 120 } as const;

/** CPU time is counted out in slices of this many microseconds. */
const CPU_PERIOD = 100_000;

/**
 * Ends when it is asked to, and reaps what the container's other processes leave behind: what a machine runs whose image
 * has no init of its own.
 */
export const KEEP_ALIVE = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"];

const INITS = new Set([
  "init",
  "systemd",
  "openrc-init",
  "runit",
  "runit-init",
  "s6-svscan",
  "tini",
  "dumb-init",
]);

export type ContainerInstance = DriverInstance & { container: NonNullable<DriverInstance["container"]> };

export function containerOf(instance: DriverInstance): ContainerInstance {
  if (instance.container) return instance as ContainerInstance;
  throw new EngineError("internal", `cannot use ${instance.name}: it is no container`);
}

export function nameOf({ name, id }: Pick<DriverInstance, "name" | "id">): string {
  return `berth-${name}-${id.slice(0, 8)}`;
}

export function stopSecondsOf({ container }: ContainerInstance): number {
  return STOP_SECONDS[container.shape ?? "application"];
}

/** Name of the network of ours that it is in; undefined where it is in none. Pure. */
export function ownNetwork(
  { id, network }: Pick<DriverInstance, "id" | "network">,
  engine: string,
): string | undefined {
  const name = privateNetworkOf(network);
  if (name !== undefined) return privateName(name, engine);
  return network === "nat" ? natName(id) : undefined;
}

export function privateName(network: string, engine: string): string {
  return `berth-${engine}-${network}`;
}

export function natName(id: string): string {
  return `berth-nat-${id.slice(0, 8)}`;
}

/** Networks that a container is connected to beside the one that it is made with. */
export function furtherNetworks({ container, network }: ContainerInstance): readonly string[] {
  return network === "default" ? (container.networks ?? []).slice(1) : [];
}

/**
 * What is left of it for a runtime in a VM: its ports are this host's, and the engine leads to them. Throws
 * `not-supported` for directories of this host, which that VM does not see.
 */
export function withinVm(instance: ContainerInstance): ContainerInstance {
  refuseInHost(instance.name, { mounts: instance.shares });
  return { ...instance, ports: [] };
}

/** `image`: what it is made from, and what that says; `kept`: what an earlier container of the same instance wrote to. */
export function createBody(
  instance: ContainerInstance,
  engine: string,
  image: ImageConfig & { id: string },
  kept: readonly UnnamedVolume[] = [],
): CreateBody {
  const body = specBody(instance, engine, image);
  const { Mounts: mounts, ...host } = body.HostConfig;
  const named = new Set(mounts.map(({ Target }) => Target));
  const carried = kept
    .filter(({ target }) => !named.has(target))
    .map(({ name, target }) => ({ Type: "volume", Source: name, Target: target, ReadOnly: false }));
  return {
    ...body,
    Image: image.id,
    Labels: {
      ...{ [INSTANCE_LABEL]: instance.id, [ENGINE_LABEL]: engine, [SPEC_LABEL]: hashOf(body) },
      [NETWORK_LABEL]: instance.network,
    },
    HostConfig: { ...host, Mounts: [...mounts, ...carried] },
  };
}

export function specHash(instance: ContainerInstance, engine: string, image: ImageConfig): string {
  return hashOf(specBody(instance, engine, image));
}

function hashOf(body: unknown): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}

function specBody(instance: ContainerInstance, engine: string, image: ImageConfig) {
  const { container, name } = instance;
  const ports = portsOf(instance);
  const network = networkOf(instance, engine);
  return {
    Hostname: name,
    ...commandOf(instance, image),
    Env: Object.entries(container.env ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`),
    ...(container.user === undefined ? {} : { User: container.user }),
    ...(container.workdir === undefined ? {} : { WorkingDir: container.workdir }),
    ...(container.health ? { Healthcheck: healthOf(container.health) } : {}),
    Tty: container.tty ?? false,
    OpenStdin: container.interactive ?? false,
    StopTimeout: stopSecondsOf(instance),
    ...namesIn(instance, network),
    ExposedPorts: Object.fromEntries(ports.map(({ key }) => [key, {}])),
    HostConfig: {
      ...limitsOf(instance),
      ...securityOf(instance),
      ...(network === undefined ? {} : { NetworkMode: network }),
      RestartPolicy: { Name: container.restart ?? "no" },
      PortBindings: bindingsOf(ports),
      Mounts: mountsOf(instance),
      Tmpfs: tmpfsOf(instance),
      // In files that the runtime itself reads back, whatever the host's own log is.
      LogConfig: { Type: "json-file", Config: {} },
    },
  };
}

function commandOf({ container }: ContainerInstance, image: ImageConfig) {
  const { entrypoint, command, shape } = container;
  if (shape === "machine" && !entrypoint && !command && !hasInit(image))
    return { Entrypoint: KEEP_ALIVE, Cmd: [] };
  return { ...(entrypoint ? { Entrypoint: entrypoint } : {}), ...(command ? { Cmd: command } : {}) };
}

/** Whether what the image runs by itself stays, and looks after other processes. */
function hasInit(image: ImageConfig): boolean {
  const [program] = [...image.entrypoint, ...image.command];
  return program !== undefined && INITS.has(path.posix.basename(program));
}

/** Without swap beyond its memory: what is over the limit is told, not slowed down. */
function limitsOf({ cpus, memoryBytes, container }: ContainerInstance) {
  return {
    ...(cpus > 0 ? { CpuPeriod: CPU_PERIOD, CpuQuota: Math.round(cpus * CPU_PERIOD) } : {}),
    ...(memoryBytes > 0 ? { Memory: memoryBytes, MemorySwap: memoryBytes } : {}),
    ...(container.pidsLimit === undefined ? {} : { PidsLimit: container.pidsLimit }),
  };
}

/** Nobody pretends to be another in a private network, unless it was given that right itself. */
const SPOOFING = ["NET_RAW"];

function securityOf({ container, network }: ContainerInstance) {
  const { privileged = false, readOnlyRoot = false, capAdd = [], capDrop = [] } = container;
  const isNew = (one: string) => !privileged && !capAdd.includes(one) && !capDrop.includes(one);
  const { noNewPrivileges = container.shape !== "machine" && !privileged } = container;
  return {
    Privileged: privileged,
    ReadonlyRootfs: readOnlyRoot,
    CapAdd: capAdd,
    CapDrop: privateNetworkOf(network) === undefined ? capDrop : [...capDrop, ...SPOOFING.filter(isNew)],
    SecurityOpt: noNewPrivileges ? ["no-new-privileges"] : [],
  };
}

function networkOf(instance: ContainerInstance, engine: string): string | undefined {
  if (instance.network === "isolated") return "none";
  return ownNetwork(instance, engine) ?? instance.container.networks?.[0];
}

/** By its instance's name, as among machines. */
function namesIn({ name, network }: ContainerInstance, own: string | undefined) {
  if (own === undefined || privateNetworkOf(network) === undefined) return {};
  return { NetworkingConfig: { EndpointsConfig: { [own]: { Aliases: [name, `${name}.berth`] } } } };
}

type Published = { key: string; hostAddress: string; hostPort: number };

/** Those through SSH are the engine's own. */
function portsOf({ ports = [], network }: ContainerInstance): Published[] {
  if (!leadsOut(network)) return [];
  return ports
    .filter(({ via }) => via !== "ssh")
    .map(({ protocol, hostAddress, hostPort, guestPort }) => ({
      key: `${guestPort}/${protocol}`,
      hostAddress,
      hostPort,
    }));
}

function bindingsOf(ports: readonly Published[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const grouped = Map.groupBy(ports, ({ key }) => key);
  return Object.fromEntries(
    [...grouped].map(([key, ones]) => [
      key,
      ones.map(({ hostAddress, hostPort }) => ({ HostIp: hostAddress, HostPort: String(hostPort) })),
    ]),
  );
}

type Mount = { Type: string; Source: string; Target: string; ReadOnly: boolean };

function mountsOf({ container, shares }: ContainerInstance): Mount[] {
  const home = homeOf(container.user);
  return [
    ...shares.map(({ source, target }) => ({
      ...{ Type: "bind", Source: source, ReadOnly: false },
      Target: path.posix.resolve(home, target),
    })),
    ...(container.volumes ?? []).map(({ name, target, readOnly = false }) => ({
      ...{ Type: "volume", Source: name, ReadOnly: readOnly },
      Target: path.posix.normalize(target),
    })),
  ];
}

/** As most images have it; who is known by a number only has none of his own. */
function homeOf(user = "root"): string {
  const [name = "root"] = user.split(":");
  if (name === "root" || name === "0") return "/root";
  return /^\d+$/.test(name) ? "/" : `/home/${name}`;
}

function tmpfsOf({ container }: ContainerInstance): Record<string, string> {
  return Object.fromEntries(
    (container.tmpfs ?? []).map(({ target, sizeBytes }) => [
      path.posix.normalize(target),
      sizeBytes === undefined ? "rw,nosuid,nodev" : `rw,nosuid,nodev,size=${sizeBytes}`,
    ]),
  );
}

const NS_PER_MS = 1_000_000;

function healthOf({ command, intervalMs, timeoutMs, retries, startPeriodMs }: HealthCheck) {
  const nanoseconds = (ms: number | undefined) => (ms ?? 0) * NS_PER_MS;
  return {
    Test: ["CMD", ...command],
    Interval: nanoseconds(intervalMs),
    Timeout: nanoseconds(timeoutMs),
    Retries: retries ?? 0,
    StartPeriod: nanoseconds(startPeriodMs),
  };
}
