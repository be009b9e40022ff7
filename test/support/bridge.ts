/**
 * A bridge with DHCP on it, in namespaces of its own: nothing of it is to be seen outside, and it is gone when the
 * processes in it are. Needs root.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { gone } from "./berth.ts";

export const BRIDGE = "brtest";
export const BRIDGE_NETWORK = "192.168.177";

/** $1 a directory to stand for /etc/qemu. Becomes the DHCP server, which keeps the namespaces. */
const SETUP = `
set -e
mount -t sysfs sysfs /sys
mount --bind "$1" /etc/qemu
ip link set lo up
ip link add ${BRIDGE} type bridge
ip address add ${BRIDGE_NETWORK}.1/24 dev ${BRIDGE}
ip link set ${BRIDGE} up
echo ready
exec dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=${BRIDGE} --bind-interfaces \\
  --dhcp-authoritative --dhcp-range=${BRIDGE_NETWORK}.50,${BRIDGE_NETWORK}.99,1h \\
  --dhcp-leasefile="$1/leases" --user=root --pid-file= --log-facility="$1/log"
`;

export class BridgeWorld {
  readonly #folder: string;
  readonly #pid: number;
  /** Made by this, to be bound over. */
  readonly #made: string | undefined;

  private constructor(folder: string, pid: number, made: string | undefined) {
    this.#folder = folder;
    this.#pid = pid;
    this.#made = made;
  }

  static async make(): Promise<BridgeWorld> {
    if (process.getuid?.() !== 0) throw new Error("a bridge needs root: run this test as root");
    const folder = await mkdtemp(path.join(tmpdir(), "berth-bridge-"));
    const made = await mkdir("/etc/qemu", { recursive: true });
    const argv = ["--net", "--mount", "sh", "-c", SETUP, "sh", folder];
    const child = spawn("unshare", argv, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const ready = await new Promise<boolean>((resolve, reject) => {
      lines.once("line", (line) => resolve(line === "ready"));
      lines.once("close", () => resolve(false));
      child.once("error", reject);
    });
    const world = new BridgeWorld(folder, child.pid ?? -1, made);
    if (ready) return world;
    await world.dispose();
    throw new Error("the bridge could not be made");
  }

  /** The helper's rules, as /etc/qemu/bridge.conf is in there. */
  async allow(rules: string): Promise<void> {
    await writeFile(path.join(this.#folder, "bridge.conf"), rules);
  }

  /** The command, run in there. */
  argv(command: readonly string[]): string[] {
    return ["nsenter", "-t", String(this.#pid), "-n", "-m", ...command];
  }

  async run(command: readonly string[]): Promise<string> {
    return (await run(this.argv(command), { signal: AbortSignal.timeout(60_000) })).stdout;
  }

  /** A script that runs a Node script in there; for what runs scripts by Node. */
  async inside(script: string): Promise<string> {
    const file = path.join(this.#folder, "inside.cjs");
    const argv = JSON.stringify(this.argv([process.execPath, script]));
    await writeFile(
      file,
      `const [program, ...rest] = ${argv};
const { spawnSync } = require("node:child_process");
process.exit(spawnSync(program, [...rest, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1);
`,
    );
    return file;
  }

  async dispose(): Promise<void> {
    signalProcess(this.#pid, "SIGKILL");
    await gone(this.#pid);
    await rm(this.#folder, { recursive: true, force: true });
    if (this.#made) await rmdir(this.#made).catch(() => {});
  }
}
