/**
 * `npm run bench:containers`: containers beside their runtimes, in turns. From nothing to the end of a first command, by the
 * commands that a person types, and by clients that are kept; a command in one that runs, beside the runtime's own API; a list of many; and the memory
 * of an engine whose clients follow the logs of some. `BERTH_BENCH_CONTAINERS` is how many are listed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { run } from "../src/base/run.ts";
import { connect } from "../src/client/connect.ts";
import type { EngineClient } from "../src/client/engine-client.ts";
import type { RuntimeApi } from "../src/engine/drivers/oci/api.ts";
import { Berth } from "../test/support/berth.ts";
import { loadImage, makeImage } from "../test/support/container-image.ts";
import { type Runtimes, startRuntimes, type TestRuntime } from "../test/support/runtimes.ts";
import { residentMb } from "./processes.ts";
import { median, print, type Row, row, text, times } from "./support.ts";

const IMAGE = "localhost/berth-bench:1";
const RUNS = 10;
const MANY = Number(process.env["BERTH_BENCH_CONTAINERS"] ?? 500);
const AT_ONCE = 8;
const FOLLOWED = 50;
const FOLLOW_MS = 60_000;
/** About 20 lines a second. */
const TALKS = "i=0; while :; do i=$((i+1)); echo line $i of what it has to say; sleep 0.05; done";
const RESTS = "trap 'exit 0' TERM; while :; do sleep 1; done";

const rows: Row[] = [];
const runtimes: Runtimes = await startRuntimes();
try {
  for (const runtime of [runtimes.docker, runtimes.podman]) await benchRuntime(runtime);
} finally {
  await runtimes.stop();
  print(rows);
}

async function benchRuntime({ runtime, api }: TestRuntime): Promise<void> {
  await loadImage(api, await makeImage(), IMAGE);
  const socket = `unix://${"socketPath" in api.endpoint.address ? api.endpoint.address.socketPath : ""}`;
  const berth = await Berth.make({ DOCKER_HOST: socket, BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" });
  try {
    const native = runtime === "docker" ? ["docker", "--host", socket] : ["podman", "--url", socket];
    await benchFirstCommand(runtime, berth, native);
    const client = await connect({ env: berth.env });
    await benchFirstByApi(runtime, client, api);
    await benchExec(runtime, client, api);
    await benchLogs(runtime, client, berth);
    if (runtime === "docker") await benchList(client, berth);
    client.dispose();
  } finally {
    await berth.run(["delete", "--purge", "--all"], { timeoutMs: 1_200_000 });
    await berth.dispose();
  }
}

/** Create, start, and a first command to its end. */
async function benchFirstCommand(runtime: string, berth: Berth, native: readonly string[]): Promise<void> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let at = -1; at < RUNS; at += 1) {
    const name = `first-${at + 1}`;
    const [own] = await times(1, async () => {
      await berth.ok(["launch", `${runtime}:${IMAGE}`, "--name", name, "--", "sh", "-c", RESTS]);
      await berth.ok(["exec", name, "--", "true"]);
    });
    const [other] = await times(1, async () => {
      await run([...native, "run", "--detach", "--name", name, IMAGE, "sh", "-c", RESTS]);
      await run([...native, "exec", name, "true"]);
    });
    await berth.ok(["delete", "--purge", name]);
    await run([...native, "rm", "--force", name]);
    if (at < 0 || own === undefined || other === undefined) continue; // The first of each warms up what is needed.
    ours.push(own);
    peer.push(other);
  }
  const ratio = median(ours) / median(peer);
  rows.push(
    row(
      `${runtime}: create → exec`,
      text(ours, "ms"),
      `${runtime} run, exec ${text(peer, "ms")}`,
      ratio,
      "≤ 1.15",
    ),
  );
}

/** The same without the start of a process: a client of the engine that is kept, beside a client of the runtime. */
async function benchFirstByApi(runtime: string, client: EngineClient, api: RuntimeApi): Promise<void> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let at = -1; at < RUNS; at += 1) {
    const name = `kept-${at + 1}`;
    const [own = 0] = await times(1, async () => {
      await launch(client, runtime, name, RESTS);
      await throughEngine(client, name);
    });
    const [other = 0] = await times(1, async () => {
      const body = { Image: IMAGE, Cmd: ["sh", "-c", RESTS] };
      await api.json(signal(), "POST", "/containers/create", { query: { name }, body });
      await api.json(signal(), "POST", `/containers/${name}/start`);
      await throughApi(api, name);
    });
    await remove(client, name);
    await api.json(signal(), "DELETE", `/containers/${name}`, { query: { force: "true" } });
    if (at < 0) continue;
    ours.push(own);
    peer.push(other);
  }
  const ratio = median(ours) / median(peer);
  rows.push(
    row(`${runtime}: create → exec by API`, text(ours, "ms"), `its own API ${text(peer, "ms")}`, ratio, ""),
  );
}

async function benchExec(runtime: string, client: EngineClient, api: RuntimeApi): Promise<void> {
  await launch(client, runtime, "box", RESTS);
  const [found] = await api.json<{ Id: string }[]>(signal(), "GET", "/containers/json", {
    query: { filters: JSON.stringify({ label: ["berth.instance"] }) },
  });
  const ours: number[] = [];
  const peer: number[] = [];
  for (let at = -2; at < 2 * RUNS; at += 1) {
    const [own = 0] = await times(1, () => throughEngine(client, "box"));
    const [other = 0] = await times(1, () => throughApi(api, found?.Id ?? ""));
    if (at < 0) continue;
    ours.push(own);
    peer.push(other);
  }
  const ratio = median(ours) / median(peer);
  rows.push(row(`${runtime}: exec`, text(ours, "ms"), `its own API ${text(peer, "ms")}`, ratio, "≤ 1.15"));
}

async function throughEngine(client: EngineClient, name: string): Promise<void> {
  const child = await client.exec(name, { argv: ["true"] });
  child.stdin.end();
  child.stdout.resume();
  child.stderr.resume();
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`true exited with ${code}`);
}

/** As any client of the runtime does it: make it, be connected to it until it ends, ask how it ended. */
async function throughApi(api: RuntimeApi, id: string): Promise<void> {
  const body = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: ["true"] };
  const { Id } = await api.json<{ Id: string }>(signal(), "POST", `/containers/${id}/exec`, { body });
  const socket = await api.upgrade(signal(), `/exec/${Id}/start`, { body: { Detach: false, Tty: false } });
  socket.resume();
  socket.end();
  await new Promise((resolve, reject) => socket.once("end", resolve).once("error", reject));
  const { ExitCode } = await api.json<{ ExitCode: number }>(signal(), "GET", `/exec/${Id}/json`);
  if (ExitCode !== 0) throw new Error(`true exited with ${ExitCode}`);
  socket.destroy();
}

/** The engine's memory a moment after all are followed, and a minute later. */
async function benchLogs(runtime: string, client: EngineClient, berth: Berth): Promise<void> {
  const names = Array.from({ length: FOLLOWED }, (_, at) => `talk-${at}`);
  await inTurns(names, (name) => launch(client, runtime, name, TALKS));
  const pid = (await berth.enginePid()) ?? Number.NaN;
  const following = await Promise.all(names.map((name) => client.logs(name, { follow: true })));
  let bytes = 0;
  for (const { stdout } of following)
    stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
  await delay(FOLLOW_MS / 4);
  const before = await residentMb(pid);
  await delay(FOLLOW_MS);
  const after = await residentMb(pid);
  for (const one of following) {
    one.exited.catch(() => {});
    one.close();
  }
  await inTurns(names, (name) => remove(client, name));
  const told = `${(bytes / 1e6).toFixed(1)} MB told`;
  const value = `${after.toFixed(0)} MB, ${told}`;
  rows.push(
    row(
      `${runtime}: ${FOLLOWED} logs followed`,
      value,
      `a minute before ${before.toFixed(0)} MB`,
      after / before,
      "flat",
    ),
  );
}

async function benchList(client: EngineClient, berth: Berth): Promise<void> {
  const { items } = await client.api.instances.list();
  const names = Array.from({ length: MANY - items.length }, (_, at) => `many-${at}`);
  await inTurns(names, (name) => launch(client, "docker", name, RESTS));
  const list = async () => {
    const { items } = await client.api.instances.list();
    if (items.length !== MANY) throw new Error(`${items.length} are listed, not ${MANY}`);
  };
  await times(3, list);
  const own = await times(RUNS, list);
  const command = await times(RUNS, () => berth.ok(["list", "--format", "json"]));
  const peer = await times(RUNS, () => run([process.execPath, "-e", "0"]));
  const ratio = median(own) / median(peer);
  rows.push(row(`list of ${MANY}`, text(own, "ms"), `node -e 0 ${text(peer, "ms")}`, ratio, "≤ 100 ms"));
  rows.push(
    row(`berth list of ${MANY}`, text(command, "ms"), "the same", median(command) / median(peer), ""),
  );
}

async function launch(client: EngineClient, runtime: string, name: string, script: string): Promise<void> {
  const container = { runtime: runtime as "docker" | "podman", command: ["sh", "-c", script] };
  await client.watchOperation(await client.api.instances.launch({ name, image: IMAGE, container }));
}

async function remove(client: EngineClient, name: string): Promise<void> {
  await client.watchOperation(await client.api.instances.delete({ name, purge: true }));
}

async function inTurns(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const left = [...names];
  const worker = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function signal(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(30_000) };
}
