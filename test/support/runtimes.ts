/**
 * Real Docker and Podman, each with its data in a directory of the test's own, ended with everything they run. The lane
 * `containers` runs in namespaces of its own, so no bridge, packet filter or mount of this host is touched.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sleep } from "../../src/base/async.ts";
import { RuntimeApi } from "../../src/engine/drivers/oci/api.ts";
import type { Runtime } from "../../src/engine/drivers/oci/endpoints.ts";
import { startRegistry, type TestRegistry } from "./registry.ts";

export type TestRuntime = {
  runtime: Runtime;
  api: RuntimeApi;
  /** What it has written about itself. */
  log: string;
  /** Ends it as a crash does, or asks it to end; what it runs may live on. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it anew with the data that it has. */
  start(): Promise<void>;
};

export type Runtimes = {
  directory: string;
  docker: TestRuntime;
  podman: TestRuntime;
  registry: TestRegistry;
  /** One that wants a name and a password. */
  privateRegistry: TestRegistry;
  stop(): Promise<void>;
};

const ctx = { signal: new AbortController().signal };
/** Debian puts daemons where a user's PATH may not look. */
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;

/** Both runtimes and two registries in front of which faults can be made. The caller stops them. */
export async function startRuntimes(): Promise<Runtimes> {
  if (!process.env["BERTH_APART"])
    throw new Error("cannot start container runtimes: run them apart, by `npm run test:containers`");
  // Docker's socket paths must be short.
  const directory = await mkdtemp(path.join(tmpdir(), "btc-"));
  const registry = await startRegistry(path.join(directory, "registry"));
  const privateRegistry = await startRegistry(path.join(directory, "private"), { login: true });
  const docker = dockerIn(path.join(directory, "docker"));
  const podman = podmanIn(path.join(directory, "podman"), [registry.host, privateRegistry.host]);
  const stop = async () => {
    for (const each of [docker, podman]) await endWhole(each);
    await registry.stop();
    await privateRegistry.stop();
    await unmountBelow(directory);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all([docker.start(), podman.start()]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { directory, docker, podman, registry, privateRegistry, stop };
}

function dockerIn(directory: string): TestRuntime {
  const socketPath = path.join(directory, "docker.sock");
  return daemon("docker", directory, socketPath, async () => ({
    argv: [
      "dockerd",
      ...["--data-root", path.join(directory, "data"), "--exec-root", path.join(directory, "exec")],
      ...["--host", `unix://${socketPath}`, "--pidfile", path.join(directory, "docker.pid")],
      ...["--cgroup-parent", "/berth-test", "--max-download-attempts", "2"],
    ],
    env: {},
  }));
}

function podmanIn(directory: string, insecure: readonly string[]): TestRuntime {
  const socketPath = path.join(directory, "podman.sock");
  return daemon("podman", directory, socketPath, async () => {
    const own = (name: string) => path.join(directory, name);
    await writeFile(own("containers.conf"), CONTAINERS_CONF(own("networks")));
    await writeFile(own("policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
    const registries = insecure.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
    await writeFile(own("registries.conf"), registries.join("\n"));
    return {
      argv: [
        "podman",
        ...["--root", own("root"), "--runroot", own("run"), "--tmpdir", own("tmp")],
        ...["--storage-driver", "overlay", "system", "service", "--time", "0", `unix://${socketPath}`],
      ],
      env: {
        CONTAINERS_CONF: own("containers.conf"),
        CONTAINERS_REGISTRIES_CONF: own("registries.conf"),
        REGISTRY_AUTH_FILE: own("auth.json"),
      },
    };
  });
}

/** Without systemd and with cgroups of both versions, as in many a CI: runc can, crun cannot. */
const CONTAINERS_CONF = (networks: string) => `
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "${networks}"
`;

type Command = { argv: [string, ...string[]] | string[]; env: Record<string, string> };

function daemon(
  runtime: Runtime,
  directory: string,
  socketPath: string,
  command: () => Promise<Command>,
): TestRuntime {
  const api = new RuntimeApi({ runtime, name: runtime, address: { socketPath } });
  const log = path.join(directory, "daemon.log");
  let child: ChildProcess | undefined;
  return {
    runtime,
    api,
    log,
    kill: async (signal = "SIGKILL") => {
      if (child) await end(child, signal);
      child = undefined;
    },
    start: async () => {
      await mkdir(directory, { recursive: true });
      const { argv, env } = await command();
      child = spawnLogged(argv, log, env);
      await answering(runtime, child, log, () => api.json(ctx, "GET", "/version", { deadlineMs: 5_000 }));
    },
  };
}

/** Starts a server whose output goes to a file. */
export function spawnLogged(
  argv: readonly string[],
  log: string,
  env: Record<string, string> = {},
): ChildProcess {
  const out = openSync(log, "a");
  try {
    const [program = "", ...args] = argv;
    return spawn(program, args, {
      // Podman's monitors leave a file where they were started when memory runs out.
      cwd: path.dirname(log),
      stdio: ["ignore", out, out],
      env: { ...process.env, PATH, ...env },
    });
  } finally {
    closeSync(out);
  }
}

/** Waits until a server that has no other way to say so answers. Rejects with its log where it ends instead. */
export async function answering(
  name: string,
  child: ChildProcess,
  log: string,
  ask: () => Promise<unknown>,
): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (child.exitCode === null && Date.now() < until) {
        await sleep(50);
        continue;
      }
      const said = await readFile(log, "utf8").catch(() => "");
      throw new Error(`${name} does not answer; it said:\n${said.slice(-3000)}`, { cause: error });
    }
  }
}

/** Ends a process that this one started; kills it where it does not leave. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const killer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(killer);
}

/** Its containers first: a runtime leaves them running. */
async function endWhole({ api, kill }: TestRuntime): Promise<void> {
  try {
    const all = await api.json<{ Id: string }[]>(ctx, "GET", "/containers/json", { query: { all: "true" } });
    for (const { Id } of all)
      await api.json(ctx, "DELETE", `/containers/${Id}`, { query: { force: "true", v: "true" } });
  } catch {
    // It does not run, and then neither do they.
  }
  await kill("SIGTERM");
}

/** Deepest first. */
async function unmountBelow(directory: string): Promise<void> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const below = lines.map((line) => line.split(" ")[1] ?? "").filter((at) => at.startsWith(`${directory}/`));
  for (const at of below.reverse()) {
    const child = spawn("umount", ["--lazy", at], { stdio: "ignore" });
    await new Promise((resolve) => child.once("exit", resolve));
  }
}
