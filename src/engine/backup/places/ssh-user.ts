/**
 * How the user's own SSH reaches a host: ssh itself is asked what its configuration says (`ssh -G`), so that names, ports,
 * keys, agents and known hosts are those of `ssh host` in a terminal. Without an ssh here, what it would do by default.
 */
import { readFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import path from "node:path";
import type ssh2 from "ssh2";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { hostPlatform } from "../../../base/paths.ts";
import { run } from "../../../base/run.ts";
import { loadSsh } from "../../guest/keys.ts";
import type { SftpAddress } from "./address.ts";
import { type KnownKeys, knownKeys, knownName } from "./known-hosts.ts";
import { jumpCommand } from "./ssh-jump.ts";

export type SshRoute = {
  host: string;
  port: number;
  user: string;
  /** Under this name known_hosts files list the host. */
  knownAs: string;
  knownHostsFiles: string[];
  keyFiles: string[];
  /** The agent's socket or pipe. */
  agent: string | undefined;
  /** Only those of the agent's keys that `keyFiles` name. */
  onlyKeyFiles: boolean;
  /** The command that makes the way there, where others stand between. */
  through?: string[] | undefined;
};

/** Evaluating a configuration takes milliseconds; a `Match exec` in it may ask a network. */
const CONFIG_MS = 20_000;
const WINDOWS_AGENT = "\\\\.\\pipe\\openssh-ssh-agent";

export type SshSetting = {
  /** Instead of the user's own configuration file. */
  configFile?: string | undefined;
  env?: Readonly<Record<string, string | undefined>> | undefined;
};

/** Throws `not-supported` for a host that a program of the user's own leads to. */
export async function routeTo(
  signal: AbortSignal,
  address: SftpAddress,
  { configFile, env = process.env }: SshSetting = {},
): Promise<SshRoute> {
  const { host, port, user } = address;
  const argv = [
    ...["ssh", "-G", ...(configFile === undefined ? [] : ["-F", configFile])],
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
    ...["--", host],
  ];
  const printed = await run(argv, { signal: AbortSignal.any([signal, AbortSignal.timeout(CONFIG_MS)]) }).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      if (error instanceof EngineError && error.code === "missing-dependency") return "";
      signal.throwIfAborted();
      throw unreadable(host, error);
    },
  );
  const here = { home: homedir(), user: userInfo().username, env, platform: hostPlatform() };
  return routeIn(printed, address, { ...here, configFile });
}

type Here = {
  home: string;
  user: string;
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  configFile?: string | undefined;
};

const DEFAULT_KEYS = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/** What `ssh -G` printed, in our terms. Pure. */
export function routeIn(printed: string, address: SftpAddress, here: Here): SshRoute {
  const said = new Map<string, string[]>();
  for (const line of printed.split(/\r?\n/)) {
    const [, name = "", value = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    said.set(name, [...(said.get(name) ?? []), value]);
  }
  const one = (name: string) => said.get(name)?.[0];
  if ((one("proxycommand") ?? "none") !== "none") throw byProgram(address.host);
  const host = one("hostname") ?? address.host;
  const port = Number(one("port") ?? address.port ?? 22);
  const user = one("user") ?? address.user ?? here.user;
  const hops = one("proxyjump") ?? "none";
  const expand = (file: string) => expanded(file, here, { host, user, port });
  const files = (name: string) => (one(name) ?? "").split(" ").filter(isFile).map(expand);
  const known = said.has("userknownhostsfile") ? files("userknownhostsfile") : [expand("~/.ssh/known_hosts")];
  return {
    ...{ host, port, user },
    knownAs: one("hostkeyalias")?.toLowerCase() ?? knownName(host, port),
    knownHostsFiles: [...known, ...files("globalknownhostsfile")],
    keyFiles: (said.get("identityfile") ?? DEFAULT_KEYS).filter(isFile).map(expand),
    agent: agentOf(one("identityagent"), here, expand),
    onlyKeyFiles: one("identitiesonly") === "yes",
    ...(hops === "none" ? {} : { through: jumpCommand(hops, { host, port, configFile: here.configFile }) }),
  };
}

const isFile = (word: string): boolean => word !== "" && word !== "none";

function agentOf(said: string | undefined, { env, platform }: Here, expand: (file: string) => string) {
  if (said === "none") return undefined;
  if (said === undefined || said === "SSH_AUTH_SOCK")
    return env["SSH_AUTH_SOCK"] || (platform === "win32" ? WINDOWS_AGENT : undefined);
  return said.startsWith("$") ? env[said.replace(/^\$\{?(.*?)\}?$/, "$1")] : expand(said);
}

function expanded(
  file: string,
  here: Here,
  { host, user, port }: { host: string; user: string; port: number },
): string {
  const values: Record<string, string> = {
    ...{ "%": "%", d: here.home, h: host, n: host, r: user, u: here.user, p: String(port) },
  };
  const whole = file.replace(/%(.)/g, (all, letter: string) => values[letter] ?? all);
  return whole.startsWith("~/") ? path.join(here.home, whole.slice(2)) : whole;
}

function unreadable(host: string, error: unknown): EngineError {
  return new EngineError("invalid-argument", `cannot read your SSH configuration: ${messageOf(error)}`, {
    hint: `\`ssh -G ${host}\` must print what it says of that host.`,
    cause: error,
  });
}

function byProgram(host: string): EngineError {
  return new EngineError(
    "not-supported",
    `cannot reach ${host}: your SSH configuration leads to it by a program (ProxyCommand)`,
    { hint: "Use ProxyJump for it, or mount it here (sshfs) and give the folder." },
  );
}

/** What the user's known_hosts files say of the host. */
export async function readKnownKeys({ knownHostsFiles, knownAs }: SshRoute): Promise<KnownKeys> {
  const texts = await Promise.all(knownHostsFiles.map((file) => readFile(file, "utf8").catch(() => "")));
  return knownKeys(texts.join("\n"), knownAs);
}

export type UserKeys = {
  keys: ssh2.ParsedKey[];
  /** Files of keys that a passphrase protects: they serve only from an agent. */
  locked: string[];
};

/** The user's keys that can be used as they lie there. */
export async function readUserKeys({ keyFiles }: SshRoute): Promise<UserKeys> {
  const { utils } = await loadSsh();
  const found: UserKeys = { keys: [], locked: [] };
  for (const file of keyFiles) {
    const bytes = await readFile(file).catch(() => undefined);
    if (!bytes) continue;
    const key = utils.parseKey(bytes);
    if (key instanceof Error) {
      if (/passphrase|encrypted/i.test(key.message)) found.locked.push(file);
    } else found.keys.push(...[key].flat());
  }
  return found;
}

/** The public halves of the key files, for telling which of an agent's keys are meant. */
export async function readPublicKeys({ keyFiles }: SshRoute): Promise<Buffer[]> {
  const texts = await Promise.all(keyFiles.map((file) => readFile(`${file}.pub`, "utf8").catch(() => "")));
  return texts.flatMap((text) => {
    const base64 = text.trim().split(/\s+/)[1];
    return base64 === undefined ? [] : [Buffer.from(base64, "base64")];
  });
}
