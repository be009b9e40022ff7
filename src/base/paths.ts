/** Every place Berth keeps files, in one value computed from the platform and the environment. */
import { homedir, tmpdir, userInfo } from "node:os";
import path from "node:path";

/** Where the engine listens: a Unix socket file (0600 in a 0700 directory) or a Windows named pipe. */
export type Endpoint = { kind: "unix" | "pipe"; path: string };

export type Paths = {
  /** Everything that must not be lost: database, instances, keys. 0700. */
  data: string;
  /** Cached images and other things that can be fetched again. */
  cache: string;
  /** Sockets and pid records; short, because a socket path is at most about 104 bytes. 0700. */
  run: string;
  database: string;
  lock: string;
  /** Public facts of the running engine, written after it listens: pid, version, protocol. */
  engineFile: string;
  /** Bearer token, needed where the endpoint is a pipe, because default pipe rights are loose. */
  tokenFile: string;
  /** What protects the key that encrypted instances' keys are sealed by; never that key in plain text. */
  keys: string;
  /** Who may do what; there is none where nobody but the owner may anything. */
  access: string;
  /** The record of what was decided. */
  audit: string;
  log: string;
  instances: string;
  trash: string;
  images: string;
  endpoint: Endpoint;
  /** What OpenSSH reads of us: instances as hosts, and their keys. */
  ssh: SshFiles;
};

export type SshFiles = {
  /** Included by the user's own configuration; written when they agree. */
  config: string;
  /** Of the engine: a block for each instance. */
  hosts: string;
  /** Of the engine: the host key of each instance. */
  knownHosts: string;
  /** The command that reaches guests for OpenSSH lies here, wherever Berth itself is installed. */
  bin: string;
};

export type PathInputs = {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  tmp: string;
  user: string;
};

/** The longest Unix socket path that every platform accepts (macOS: 104 bytes with the final NUL). */
const MAX_SOCKET_PATH = 103;
/** What a socket's own name under `run` may take: `<8 hex>.agent.sock` is the longest. */
const LONGEST_SOCKET_NAME = 24;

/**
 * `BERTH_HOME` puts everything under one directory (tests, second engines). Otherwise XDG directories on Linux,
 * `~/Library` on macOS, `%LOCALAPPDATA%` on Windows.
 */
export function pathsFor(inputs: PathInputs): Paths {
  const { platform, env, home, tmp, user } = inputs;
  const p = platform === "win32" ? path.win32 : path.posix;
  const root = env["BERTH_HOME"] || undefined;
  const data = root ? p.join(p.resolve(root), "data") : dataDirectory(p, platform, env, home);
  const cache = root ? p.join(p.resolve(root), "cache") : cacheDirectory(p, platform, env, home);
  const id = () => shortHash(`${user}\0${data}`);
  const run = runDirectory(p, platform, env, data, tmp, user, id);
  const endpoint: Endpoint =
    platform === "win32"
      ? { kind: "pipe", path: `\\\\.\\pipe\\berth-${id()}` }
      : { kind: "unix", path: p.join(run, "engine.sock") };
  return {
    data,
    cache,
    run,
    database: p.join(data, "berth.db"),
    lock: p.join(data, "engine.lock"),
    engineFile: p.join(run, "engine.json"),
    tokenFile: p.join(data, "token"),
    keys: p.join(data, "keys"),
    access: p.join(data, "access.json"),
    audit: p.join(data, "audit"),
    log: p.join(data, "engine.log"),
    instances: p.join(data, "instances"),
    trash: p.join(data, "trash"),
    images: p.join(cache, "images"),
    endpoint,
    ssh: {
      config: p.join(data, "ssh", "config"),
      hosts: p.join(data, "ssh", "hosts"),
      knownHosts: p.join(data, "ssh", "known_hosts"),
      bin: p.join(data, "ssh", "bin"),
    },
  };
}

/** The paths of this process's user. */
export function currentPaths(env: PathInputs["env"] = process.env): Paths {
  return pathsFor({
    platform: process.platform,
    env,
    home: env["HOME"] || homedir(),
    tmp: tmpdir(),
    user: userInfo().username,
  });
}

function dataDirectory(p: path.PlatformPath, platform: string, env: PathInputs["env"], home: string): string {
  if (platform === "darwin") return p.join(home, "Library", "Application Support", "berth");
  if (platform === "win32")
    return p.join(env["LOCALAPPDATA"] || p.join(home, "AppData", "Local"), "berth", "data");
  return p.join(env["XDG_DATA_HOME"] || p.join(home, ".local", "share"), "berth");
}

function cacheDirectory(
  p: path.PlatformPath,
  platform: string,
  env: PathInputs["env"],
  home: string,
): string {
  if (platform === "darwin") return p.join(home, "Library", "Caches", "berth");
  if (platform === "win32")
    return p.join(env["LOCALAPPDATA"] || p.join(home, "AppData", "Local"), "berth", "cache");
  return p.join(env["XDG_CACHE_HOME"] || p.join(home, ".cache"), "berth");
}

function runDirectory(
  p: path.PlatformPath,
  platform: string,
  env: PathInputs["env"],
  data: string,
  tmp: string,
  user: string,
  id: () => string,
): string {
  const beside = p.join(data, "run");
  if (platform === "win32" || beside.length + 1 + LONGEST_SOCKET_NAME <= MAX_SOCKET_PATH) return beside;
  const runtime = env["XDG_RUNTIME_DIR"];
  return runtime ? p.join(runtime, `berth-${id()}`) : p.join(tmp, `berth-${user}-${id()}`);
}

/** The library for it is loaded where it is wanted: that takes 3 ms of the 60 of a short command. */
function shortHash(text: string): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** The host's word for its CPU architecture, as images name it. */
export function hostArch(arch: string = process.arch): "x86_64" | "aarch64" {
  return arch === "arm64" ? "aarch64" : "x86_64";
}

/** The platform this process runs on; the only way other modules learn it. */
export function hostPlatform(): NodeJS.Platform {
  return process.platform;
}
