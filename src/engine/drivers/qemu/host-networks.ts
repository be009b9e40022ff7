/**
 * NICs of guests on networks of this host. On Linux a helper of QEMU's makes a tap on a bridge for those whom its
 * configuration allows. QEMU's sandbox forbids it to run programs, so the helper is run before it: a launcher takes the
 * taps from the helper and then becomes QEMU, with its process id and its files.
 */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { Problem } from "../../../api/instance.ts";
import type { HostNetwork, HostNic } from "../../../api/network.ts";
import { exists } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import { run, which } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { FIRST_TAP } from "./argv.ts";
import { BRIDGE_CONFIG, BRIDGE_HELPERS, type Host, interfaceType, isRoot, PYTHONS } from "./host.ts";

export type LinuxFacts = {
  helper?: { file: string; privileged: boolean } | undefined;
  /** Python runs the launcher: a tap comes as a message on a socket that Node cannot read. */
  python?: string | undefined;
  /** The text of the helper's configuration; undefined where there is none, `unreadable` where only root may read it. */
  config: { text: string } | "unreadable" | undefined;
};

/** What keeps guests from this network, with all that is to be done; undefined where nothing does. */
export function problemOnLinux(network: HostNetwork, facts: LinuxFacts): Problem | undefined {
  if (network.type !== "bridge") return notABridge(network);
  const { helper, python, config } = facts;
  const { name } = network;
  const wrong: [reason: string, todo: string][] = [];
  if (!helper) wrong.push(["QEMU's bridge helper is not installed", INSTALL_HELPER]);
  if (!python) wrong.push(["python3, which starts the helper, is not installed", "Install python3."]);
  if (config !== "unreadable" && !allows(config?.text ?? "", name)) {
    const folder = path.posix.dirname(BRIDGE_CONFIG);
    const allow = `sudo mkdir -p ${folder} && echo 'allow ${name}' | sudo tee -a ${BRIDGE_CONFIG}`;
    wrong.push([`${BRIDGE_CONFIG} does not allow ${name}`, `Allow it: ${allow}`]);
  }
  if (helper && !helper.privileged) {
    wrong.push([`${helper.file} may not make taps`, `Let it: sudo chmod u+s ${helper.file}`]);
  }
  if (wrong.length === 0) return undefined;
  const reasons = wrong.map(([reason]) => reason).join("; ");
  return {
    code: "network-unusable",
    severity: "error",
    message: `guests cannot be connected to ${name}: ${reasons}`,
    hint: wrong.map(([, todo]) => todo).join(" "),
  };
}

const INSTALL_HELPER =
  "Install it: sudo apt install qemu-system-common (Debian, Ubuntu) or sudo dnf install qemu-common (Fedora).";

function notABridge({ name, type }: HostNetwork): Problem {
  const problem = { code: "network-no-bridge", severity: "error" } as const;
  if (type === "wifi") {
    const message = `${name} is a wireless interface, and an access point takes no frames of guests`;
    return { ...problem, message, hint: "Forward ports instead: berth port add NAME 8080:80" };
  }
  const bridge = "sudo nmcli connection add type bridge ifname br0 con-name br0";
  const port = `sudo nmcli connection add type ethernet ifname ${name} con-name br0-${name} master br0`;
  return {
    ...problem,
    message: `${name} is no bridge, and guests can be connected to bridges only`,
    hint: `Make a bridge that ${name} is a port of, such as: ${bridge} && ${port}. Then name br0.`,
  };
}

/** Whether the helper's rules let a user have a tap on this bridge: something allows it, nothing denies it. */
export function allows(config: string, bridge: string): boolean {
  const rules = config.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  const has = (verb: string) =>
    rules.some(([word, name]) => word === verb && (name === "all" || name === bridge));
  return has("allow") && !has("deny");
}

/** vmnet is for root and for programs that Apple has entitled, which QEMU from a package manager is not. */
export function problemOnDarwin({ name }: HostNetwork, root: boolean): Problem | undefined {
  if (root) return undefined;
  return {
    code: "network-unusable",
    severity: "error",
    message: `guests cannot be connected to ${name}: macOS lets only root bridge guests`,
    hint: "Run the engine as root (sudo berth), or forward ports instead: berth port add NAME 8080:80",
  };
}

/** Python: from the helper's socket each tap, under the number that QEMU is told; then QEMU in its own place. */
const LAUNCHER = `
import array, os, socket, sys
helper, bridges, argv = sys.argv[1], sys.argv[2].split("/"), sys.argv[3:]
for number, bridge in enumerate(bridges, ${FIRST_TAP}):
    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    options = ["--use-vnet", "--fd=%d" % theirs.fileno(), "--br=" + bridge]
    child = os.spawnv(os.P_NOWAIT, helper, [helper] + options)
    theirs.close()
    parts = ours.recvmsg(1, socket.CMSG_LEN(4))[1]
    os.waitpid(child, 0)
    if not parts:
        sys.exit("no tap could be had on the bridge " + bridge)
    tap = array.array("i", parts[0][2][:4])[0]
    os.dup2(tap, number)
    os.close(tap)
os.execv(argv[0], argv)
`.trim();

/** The command that becomes QEMU when it has the taps. */
export function withTaps(
  argv: readonly string[],
  networks: readonly Pick<HostNic, "network">[],
  tools: { helper: string; python: string },
): string[] {
  if (networks.length === 0) return [...argv];
  // No interface has a slash in its name.
  const bridges = networks.map(({ network }) => network).join("/");
  return [tools.python, "-I", "-S", "-c", LAUNCHER, tools.helper, bridges, ...argv];
}

export async function factsOfLinux(signal: AbortSignal): Promise<LinuxFacts> {
  const [helperFile, python] = [
    await firstOf(BRIDGE_HELPERS),
    (await firstOf(PYTHONS)) ?? (await which("python3")),
  ];
  const helper = helperFile && { file: helperFile, privileged: await isPrivileged(helperFile, signal) };
  return { helper: helper || undefined, python, config: await configText(BRIDGE_CONFIG, 0) };
}

async function firstOf(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await exists(file)) return file;
  return undefined;
}

const SETUID = 0o4000;

async function isPrivileged(file: string, signal: AbortSignal): Promise<boolean> {
  if (isRoot()) return true;
  const { mode, uid } = await stat(file);
  if (uid === 0 && (mode & SETUID) !== 0) return true;
  const getcap = await which("getcap");
  if (!getcap) return false;
  const { stdout } = await run([getcap, file], { signal }).catch(() => ({ stdout: "" }));
  return /cap_net_admin/.test(stdout);
}

const DEEPEST_INCLUDE = 8;

/** With what it includes in the includes' places. */
async function configText(file: string, depth: number): Promise<LinuxFacts["config"]> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n");
    const texts = await Promise.all(
      lines.map(async (line) => {
        const [, included] = /^\s*include\s+(\S+)/.exec(line) ?? [];
        if (included === undefined || depth >= DEEPEST_INCLUDE) return line;
        const inner = await configText(path.posix.resolve(path.posix.dirname(file), included), depth + 1);
        return typeof inner === "object" ? inner.text : "";
      }),
    );
    return { text: texts.join("\n") };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "unreadable";
  }
}

/** What the driver knows of this host's networks. */
export class HostNetworking {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Whether any guest can be connected to any network of this host. */
  async isPossible(signal: AbortSignal): Promise<boolean> {
    if (this.#host.platform !== "linux") return this.#host.platform !== "darwin" || isRoot();
    const { helper, python } = await factsOfLinux(signal);
    return helper?.privileged === true && python !== undefined;
  }

  async problemWith(ctx: Ctx, network: HostNetwork): Promise<Problem | undefined> {
    if (this.#host.platform === "darwin") return problemOnDarwin(network, isRoot());
    if (this.#host.platform !== "linux") return undefined;
    return problemOnLinux(network, await factsOfLinux(ctx.signal));
  }

  /** Throws where an instance cannot start because of one of its networks; it stays as it is. */
  async check(ctx: Ctx, { name, networks }: Pick<DriverInstance, "name" | "networks">): Promise<void> {
    for (const { network, mac } of networks) {
      const type = await interfaceType(this.#host.platform, network);
      if (type === undefined) {
        const reason = `cannot start ${name}: this host has no network ${network} any more`;
        const hint = `Make it again, or take the NIC away: berth network detach ${name} ${mac}`;
        throw new EngineError("not-found", reason, { hint });
      }
      const problem = await this.problemWith(ctx, { name: network, type, description: "" });
      if (!problem) continue;
      const { message, hint } = problem;
      throw new EngineError("missing-dependency", `cannot start ${name}: ${message}`, { hint });
    }
  }

  /** The command that becomes QEMU. */
  async command(
    argv: readonly string[],
    networks: readonly HostNic[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (this.#host.platform !== "linux" || networks.length === 0) return argv;
    const { helper, python } = await factsOfLinux(signal);
    if (helper && python) return withTaps(argv, networks, { helper: helper.file, python });
    throw new EngineError(
      "missing-dependency",
      `cannot connect to ${networks[0]?.network}: its helper is gone`,
    );
  }
}
