/** Where container runtimes may listen on a host, best first. Pure: what is there is asked elsewhere. */
import path from "node:path";
import type { ContainerRuntime } from "../../../api/container.ts";
import { CONTAINER_HOST } from "../container-host.ts";

export type Runtime = ContainerRuntime;

export type Endpoint = {
  runtime: Runtime;
  /** How a user knows it: `docker`, `podman`, `colima`, a context's name. */
  name: string;
  /** `instance`: in the container host of that id. */
  address: HostAddress | { instance: string };
};

/** A Unix socket or a Windows pipe, or a host on the network. */
export type HostAddress = { socketPath: string } | { host: string; port: number };

/** A place that the user has named and that cannot be used, with the reason. */
export type Unusable = { name: string; reason: string };

export type EndpointInputs = {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  tmp: string;
  /** Of the user; undefined on Windows. */
  uid: number | undefined;
  /** What Docker's own configuration knows: its contexts, and the one in use. */
  contexts: readonly { name: string; host: string }[];
  currentContext: string | undefined;
};

export const RUNTIME_NAMES: Record<Runtime, string> = {
  docker: "Docker",
  podman: "Podman",
  vm: "the container host",
};

/** The runtime in the container host of this id. */
export function endpointIn(instance: string): Endpoint {
  return { runtime: "vm", name: CONTAINER_HOST, address: { instance } };
}

/** Throws where no address of this host leads to it. */
export function addressOf(endpoint: Endpoint): HostAddress {
  const { address } = endpoint;
  if ("instance" in address) throw new Error(`nothing leads to ${whereOf(endpoint)}`);
  return address;
}

export function whereOf({ address, name }: Endpoint): string {
  if ("instance" in address) return name;
  return "socketPath" in address ? address.socketPath : `${address.host}:${address.port}`;
}

/**
 * All places worth asking, each once: first what the user has chosen by environment or context, then where Docker,
 * Podman and what brings them listen by default, then the user's other contexts.
 */
export function candidateEndpoints(inputs: EndpointInputs): { endpoints: Endpoint[]; unusable: Unusable[] } {
  const usable = new Map<string, Endpoint>();
  const unusable: Unusable[] = [];
  const add = (runtime: Runtime, name: string, host: string) => {
    const address = parseHost(host);
    if (typeof address === "string") {
      unusable.push({ name, reason: address });
      return;
    }
    const endpoint = { runtime, name, address };
    if (!usable.has(whereOf(endpoint))) usable.set(whereOf(endpoint), endpoint);
  };
  for (const [runtime, name, host] of [...chosen(inputs), ...usual(inputs), ...others(inputs)])
    add(runtime, name, host);
  return { endpoints: [...usable.values()], unusable };
}

type Place = [runtime: Runtime, name: string, host: string];

/** As Docker's own command chooses: DOCKER_HOST, then DOCKER_CONTEXT, then the context in use; so Podman's. */
function chosen({ env, contexts, currentContext }: EndpointInputs): Place[] {
  const places: Place[] = [];
  const { DOCKER_HOST: docker, CONTAINER_HOST: podman, DOCKER_CONTEXT: named } = env;
  if (docker) places.push([guessRuntime(docker), "DOCKER_HOST", secured(env, docker)]);
  if (podman) places.push(["podman", "CONTAINER_HOST", podman]);
  const context = contexts.find(({ name }) => name === (named || currentContext));
  if (context) places.push([guessRuntime(context.host), context.name, context.host]);
  return places;
}

/** A daemon that wants TLS is not asked in clear. */
function secured(env: EndpointInputs["env"], host: string): string {
  return env["DOCKER_TLS_VERIFY"] && host.startsWith("tcp:") ? host.replace("tcp:", "https:") : host;
}

function guessRuntime(host: string): Runtime {
  return /podman/i.test(host) ? "podman" : "docker";
}

function others({ contexts }: EndpointInputs): Place[] {
  return contexts.map(({ name, host }) => [guessRuntime(host), name, host]);
}

function usual(inputs: EndpointInputs): Place[] {
  const { platform } = inputs;
  if (platform === "win32")
    return [
      ["docker", "docker", "npipe:////./pipe/docker_engine"],
      ["docker", "docker-desktop", "npipe:////./pipe/dockerDesktopLinuxEngine"],
      ["podman", "podman-machine", "npipe:////./pipe/podman-machine-default"],
    ];
  return (platform === "darwin" ? onMac(inputs) : onLinux(inputs)).map(([runtime, name, file]) => [
    runtime,
    name,
    `unix://${file}`,
  ]);
}

function onLinux({ env, home, uid }: EndpointInputs): Place[] {
  const runtimeDirectory = env["XDG_RUNTIME_DIR"] || `/run/user/${uid ?? 0}`;
  return [
    ["docker", "docker", "/var/run/docker.sock"],
    ["docker", "docker-rootless", path.posix.join(runtimeDirectory, "docker.sock")],
    ["docker", "docker-desktop", path.posix.join(home, ".docker/desktop/docker.sock")],
    ["podman", "podman-rootless", path.posix.join(runtimeDirectory, "podman/podman.sock")],
    ["podman", "podman", "/run/podman/podman.sock"],
    ["docker", "colima", colimaSocket(env, home)],
  ];
}

function onMac({ env, home, tmp }: EndpointInputs): Place[] {
  const machine = path.posix.join(home, ".local/share/containers/podman/machine");
  return [
    ["docker", "docker-desktop", path.posix.join(home, ".docker/run/docker.sock")],
    ["docker", "docker", "/var/run/docker.sock"],
    ["docker", "orbstack", path.posix.join(home, ".orbstack/run/docker.sock")],
    ["docker", "colima", colimaSocket(env, home)],
    ["docker", "rancher-desktop", path.posix.join(home, ".rd/docker.sock")],
    ["podman", "podman-machine", path.posix.join(tmp, "podman/podman-machine-default-api.sock")],
    ["podman", "podman-machine", path.posix.join(machine, "podman.sock")],
  ];
}

function colimaSocket(env: EndpointInputs["env"], home: string): string {
  return path.posix.join(env["COLIMA_HOME"] || path.posix.join(home, ".colima"), "default/docker.sock");
}

/** As DOCKER_HOST writes it. */
export function hostOf(endpoint: Endpoint): string {
  const address = addressOf(endpoint);
  if (!("socketPath" in address)) return `tcp://${address.host}:${address.port}`;
  const { socketPath } = address;
  return socketPath.startsWith("\\\\")
    ? `npipe://${socketPath.replaceAll("\\", "/")}`
    : `unix://${socketPath}`;
}

/** An address as DOCKER_HOST and contexts write it, or why it cannot be used. */
export function parseHost(host: string): HostAddress | string {
  const text = host.trim();
  const pipe = /^npipe:\/\/(?:\/\/|\\\\)?(.+)$/i.exec(text)?.[1];
  if (pipe !== undefined) return { socketPath: `\\\\${pipe.replaceAll("/", "\\").replace(/^\\+/, "")}` };
  const socket = /^unix:\/\/(\/.+)$/i.exec(text)?.[1];
  if (socket !== undefined) return { socketPath: socket };
  const url = URL.parse(text);
  if (url?.protocol === "ssh:")
    return "it is reached over SSH; forward its socket to this host and name that";
  if (url?.protocol === "https:")
    return "it wants TLS, which Berth does not speak with a runtime; name its socket";
  if ((url?.protocol !== "tcp:" && url?.protocol !== "http:") || url.hostname === "")
    return `${text.slice(0, 200) || "an empty text"} is no address of a runtime, such as unix:///run/docker.sock`;
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port || 2375) };
}
