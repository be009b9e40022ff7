/** What differs between the hosts that container runtimes run on, and what this host itself says of them. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { type Endpoint, type EndpointInputs, RUNTIME_NAMES, type Runtime, whereOf } from "./endpoints.ts";

/** What this host's environment and Docker's own configuration say of runtimes. */
export async function endpointInputs(
  env: EndpointInputs["env"] = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<EndpointInputs> {
  const home = env["HOME"] || homedir();
  const configuration = env["DOCKER_CONFIG"] || path.join(home, ".docker");
  return {
    platform,
    env,
    home,
    tmp: tmpdir(),
    uid: process.getuid?.(),
    ...(await dockerContexts(configuration)),
  };
}

/** A context that cannot be read is as one that is not there: Docker's own command tells of it. */
async function dockerContexts(
  configuration: string,
): Promise<Pick<EndpointInputs, "contexts" | "currentContext">> {
  const main = await readJson<{ currentContext?: unknown }>(path.join(configuration, "config.json"));
  const folder = path.join(configuration, "contexts", "meta");
  const names = await readdir(folder).catch(() => []);
  const contexts: { name: string; host: string }[] = [];
  for (const each of names.sort()) {
    const meta = await readJson<ContextFile>(path.join(folder, each, "meta.json"));
    const { Name: name, Endpoints: endpoints } = meta ?? {};
    const host = endpoints?.docker?.Host;
    if (typeof name !== "string" || typeof host !== "string" || each !== contextFolder(name)) continue;
    contexts.push({ name, host });
  }
  const current = main?.currentContext;
  return { contexts, currentContext: typeof current === "string" ? current : undefined };
}

type ContextFile = { Name?: unknown; Endpoints?: { docker?: { Host?: unknown } } };

/** Docker keeps a context in a folder that its name's hash names. */
function contextFolder(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

async function readJson<T extends object>(file: string): Promise<T | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where the user's logins at registries may be, the runtime's own place first. The other's come after it: a login is for
 * a registry, and not for the tool by which it was made.
 */
export function loginFiles(runtime: Runtime, env: EndpointInputs["env"] = process.env): string[] {
  const home = env["HOME"] || homedir();
  const docker = path.join(env["DOCKER_CONFIG"] || path.join(home, ".docker"), "config.json");
  const podman = [
    env["REGISTRY_AUTH_FILE"],
    env["XDG_RUNTIME_DIR"] && path.join(env["XDG_RUNTIME_DIR"], "containers", "auth.json"),
    path.join(env["XDG_CONFIG_HOME"] || path.join(home, ".config"), "containers", "auth.json"),
  ].filter((file): file is string => Boolean(file));
  return runtime === "docker" ? [docker, ...podman] : [...podman, docker];
}

/** The name of the group that a socket belongs to; undefined where nobody can tell. */
export async function groupOf(file: string, groups = "/etc/group"): Promise<string | undefined> {
  try {
    const { gid } = await stat(file);
    const lines = (await readFile(groups, "utf8")).split("\n").map((line) => line.split(":"));
    return lines.find(([, , id]) => id === String(gid))?.[0];
  } catch {
    return undefined;
  }
}

/** Whether what it runs are processes of this host's own kernel. */
export function isOfThisHost(
  { address, name }: Endpoint,
  platform: NodeJS.Platform = process.platform,
): boolean {
  return platform === "linux" && "socketPath" in address && !name.includes("desktop");
}

/** What to do where a runtime does not listen. */
export function startHint(endpoint: Endpoint, platform: NodeJS.Platform = process.platform): string {
  const { runtime, name } = endpoint;
  if (runtime === "vm")
    return `Look whether it is well: berth exec ${name} -- systemctl status podman.socket`;
  if (name.includes("desktop") || name === "orbstack" || name === "colima")
    return `Start ${name}, then try again.`;
  if (platform === "linux" && whereOf(endpoint).startsWith("/run/user/"))
    return `Start it: systemctl --user start ${runtime}.socket`;
  if (platform === "linux") return `Start it: sudo systemctl start ${runtime}.socket`;
  if (runtime === "podman") return "Start it: podman machine start";
  return `Start ${RUNTIME_NAMES[runtime]}, then try again.`;
}
