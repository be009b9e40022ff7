/** What containers of each mode reach, by packets: each other, by name, this host, and what lies beyond it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NetworkMode } from "../../src/api/network-mode.ts";
import { type Child, run, startChild } from "../../src/base/run.ts";
import { ctx } from "../contract/driver.ts";
import { type ContainerWorld, containerWorld, type Started, shellIn } from "../support/container-world.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

/** Another host beyond this one, in a network namespace of its own, which answers to whoever is let out. */
const BEYOND = "198.51.100.7";
const PORT = 7007;
const SETUP = `
ip netns add beyond
ip link add near type veth peer name far netns beyond
ip address add 198.51.100.1/24 dev near; ip link set near up
ip -n beyond address add ${BEYOND}/24 dev far; ip -n beyond link set far up
# Docker's firewall would drop what crosses Podman's bridges.
iptables -P FORWARD ACCEPT`;
const ANSWER = `require("node:net").createServer((one) => one.end("here\\n")).listen(${PORT}, "${BEYOND}")`;

let runtimes: Runtimes;
let beyond: Child | undefined;

beforeAll(async () => {
  runtimes = await startRuntimes();
  await run(["sh", "-ec", SETUP]);
  beyond = startChild(["ip", "netns", "exec", "beyond", process.execPath, "-e", ANSWER]);
});
afterAll(async () => {
  beyond?.kill("SIGKILL");
  await run(["sh", "-c", "ip link delete near; ip netns delete beyond"]).catch(() => {});
  await runtimes?.stop();
});

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ContainerWorld;
  const all = new Map<string, Started>();

  beforeAll(async () => {
    world = await containerWorld(runtimes[runtime]);
    const modes = {
      ...{ a: "private:red", b: "private:red", c: "private:blue", d: "default" },
      ...{ e: "nat", f: "nat" },
    } satisfies Record<string, NetworkMode>;
    // It ends when it is asked to: Podman waits for that.
    const program = "trap 'exit 0' TERM; nc -ll -p 80 -e echo hello & wait";
    const serving = world.running(["sh", "-c", program]);
    for (const [name, network] of Object.entries(modes))
      all.set(name, await world.started(name, { ...serving, network }));
  });
  afterAll(async () => {
    await world?.dispose();
    for (const network of ["red", "blue"]) await world?.driver.dropNetwork?.(ctx(), network);
  });

  const started = (name: string) => all.get(name) as Started;
  const says = (from: string, host: string, at = 80) =>
    shellIn(started(from).running, `nc -w 2 ${host} ${at} </dev/null 2>/dev/null || true`);
  const addressOf = (name: string) => started(name).running.address ?? "192.0.2.254";

  /** Whom of the others it reaches, by their addresses. */
  async function reachedFrom(from: string): Promise<string[]> {
    const others = [...all.keys()].filter((name) => name !== from);
    const answers = await Promise.all(
      others.map(async (name) => ((await says(from, addressOf(name))).trim() === "hello" ? name : "")),
    );
    return answers.filter((name) => name !== "");
  }

  test("each reaches those of its own network, and no others", async () => {
    const reached = Object.fromEntries(
      await Promise.all([...all.keys()].map(async (name) => [name, await reachedFrom(name)])),
    );
    // What Podman 4 does not isolate is not kept from what it does.
    const open = runtime === "podman" ? { d: ["e", "f"], e: ["d"], f: ["d"] } : { d: [], e: [], f: [] };
    expect(reached).toEqual({ a: ["b"], b: ["a"], c: [], ...open });
  });

  test("in a private network they know each other by name", async () => {
    expect([await says("a", "b"), await says("a", "b.berth"), await says("a", "c")]).toEqual([
      "hello\n",
      "hello\n",
      "",
    ]);
  });

  test("those with a way out reach what is beyond this host, and the others do not", async () => {
    const heard = await Promise.all(
      [...all.keys()].map(async (name) => [name, (await says(name, BEYOND, PORT)).trim()]),
    );
    const here = { d: "here", e: "here", f: "here" };
    expect(Object.fromEntries(heard)).toEqual({ a: "", b: "", c: "", ...here });
  });

  test("nobody in a private network may send frames of their own making", async () => {
    const capabilities = await shellIn(started("a").running, "grep CapEff /proc/self/status");
    const NET_RAW = 1n << 13n;
    expect(BigInt(`0x${capabilities.trim().split(/\s+/)[1]}`) & NET_RAW).toBe(0n);
  });
});
