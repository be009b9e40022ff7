/** GuestAccess by the runtime's exec: how the engine works inside containers. */
import { createHash } from "node:crypto";
import path from "node:path";
import { Duplex } from "node:stream";
import type { InstanceDetails } from "../../../api/instance.ts";
import { withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { DETAILS_SCRIPT, parseDetails } from "../../guest/details.ts";
import type { ExecRequest, GuestAccess, GuestProcess, ReadyReport } from "../../guest/guest.ts";
import { timedOutput } from "../../guest/script.ts";
import type { Log } from "../../log.ts";
import type { Containers, Inspected } from "./containers.ts";
import type { ContainerInstance } from "./create-body.ts";
import { type ExecBody, startExec } from "./exec.ts";
import { firstWord } from "./first-word.ts";
import { ABSENT, AT_HOME, CONNECT, LOGIN_SHELL, READY, SFTP, SSHD } from "./guest-scripts.ts";
import { sftpByScripts } from "./script-sftp.ts";
import { memoryOf } from "./stats.ts";

const DETAILS_MS = 10_000;
/** For a script in the container to say its first word. */
const WORD_MS = 30_000;
const SSH_PORT = 22;
const DEFAULT_TERM = "xterm-256color";

type Parts = { containers: Containers; instance: ContainerInstance; id: string; log: Log };

export class ContainerGuest implements GuestAccess {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** It runs; whether its program is well, its program alone knows. */
  async waitReady(ctx: Ctx): Promise<ReadyReport> {
    ctx.progress({ phase: "boot" });
    await this.#running(ctx);
    return { cloudInit: "absent", errors: [] };
  }

  async exec(ctx: Pick<Ctx, "signal">, request: ExecRequest): Promise<GuestProcess> {
    if (request.argv?.length === 0)
      throw new EngineError("invalid-argument", "cannot run a command: none is given");
    return this.#start(ctx, request);
  }

  /** As the container's own user, or as this one. */
  #start(ctx: Pick<Ctx, "signal">, request: ExecRequest, user?: string): Promise<GuestProcess> {
    const { containers, instance, id, log } = this.#parts;
    const place = { api: containers.api, container: id, name: instance.name, log };
    const body = execBody(request, instance);
    return startExec(ctx, place, user === undefined ? body : { ...body, User: user }, request.tty);
  }

  async connect(ctx: Pick<Ctx, "signal">, port: number): Promise<Duplex> {
    const { name } = this.#parts.instance;
    const cannot = `cannot connect to port ${port} of ${name}`;
    if (port === SSH_PORT && this.#parts.instance.login.host.privateKey !== "") return this.#login(ctx);
    const { word, stream } = await this.#become(ctx, ["sh", "-c", CONNECT, "sh", String(port)]);
    if (stream) return stream;
    if (word === ABSENT) throw new EngineError("guest-unreachable", `${cannot}: nothing listens there`);
    const hint = `Publish the port instead: berth port add ${name} ${port}`;
    const reason =
      word === "" ? "its image has no shell" : "its image has neither socat, nc, python3 nor perl";
    throw new EngineError("not-supported", `${cannot}: ${reason}, which would carry the connection`, {
      hint,
    });
  }

  /** To an SSH server that answers nobody else: it listens nowhere, and lasts as long as the connection. */
  async #login(ctx: Pick<Ctx, "signal">): Promise<Duplex> {
    const { name, login } = this.#parts.instance;
    const env = { BERTH_HOST_KEY: login.host.privateKey, BERTH_CLIENT_KEY: login.client.publicKey.trim() };
    const { word, stream } = await this.#become(ctx, ["sh", "-c", SSHD], { env, user: "0" });
    if (stream) return stream;
    const reason = word === ABSENT ? "its image has no SSH server" : "its SSH server cannot be run";
    throw new EngineError("not-supported", `cannot log in to ${name} by SSH: ${reason}`, {
      hint: `Install one in it, such as Debian's openssh-server; a shell needs none: berth shell ${name}`,
    });
  }

  async sftp(ctx: Pick<Ctx, "signal">): Promise<Duplex> {
    const { word, stream } = await this.#become(ctx, ["sh", "-c", SFTP, "sh"]);
    if (stream) return stream;
    if (word === ABSENT) return sftpByScripts(this);
    const { name } = this.#parts.instance;
    const reason = `cannot open the files of ${name}: its image has neither an SFTP server nor the tools in its place`;
    throw new EngineError("not-supported", reason, {
      hint: "Mount a directory of this host, or use a volume.",
    });
  }

  async details(ctx: Pick<Ctx, "signal">): Promise<InstanceDetails> {
    const { instance } = this.#parts;
    const { signal, done } = withDeadline(DETAILS_MS, ctx.signal);
    try {
      const found = await this.#running({ signal });
      const [said, memory] = await Promise.all([this.#said(signal, found), this.#memory(signal)]);
      return {
        ...said,
        hostname: instance.name,
        bootId: bootIdOf(found),
        uptimeSeconds: Math.max(0, (Date.now() - Date.parse(found.State.StartedAt)) / 1000),
        ...(instance.cpus > 0 ? { cpus: instance.cpus } : {}),
        ...(memory ? { memory } : {}),
        addresses: addressesOf(found),
      };
    } finally {
      done();
    }
  }

  async cloudInitLog(): Promise<string> {
    const { name } = this.#parts.instance;
    throw new EngineError("not-supported", `cannot read cloud-init's log of ${name}: a container has none`, {
      hint: `What it printed: berth logs ${name}`,
    });
  }

  dispose(): void {}

  /** What only the system in it knows. A paused one says nothing, and an image may have no shell. */
  async #said(signal: AbortSignal, { State }: Inspected): Promise<Partial<InstanceDetails>> {
    if (State.Paused) return {};
    const { name } = this.#parts.instance;
    const said = await timedOutput(this, signal, DETAILS_SCRIPT, { ms: DETAILS_MS, name });
    const { memory: _hosts, cpus, ...own } = parseDetails(said);
    return cpus === undefined ? own : { ...own, cpus };
  }

  #memory(signal: AbortSignal): Promise<InstanceDetails["memory"]> {
    const { containers, id, instance } = this.#parts;
    return memoryOf({ signal }, containers.api, id, instance);
  }

  async #running(ctx: Pick<Ctx, "signal">): Promise<Inspected> {
    const { containers, id, instance } = this.#parts;
    const found = await containers.inspect(ctx, id, instance.name);
    if (found?.State.Running) return found;
    throw new EngineError("guest-unreachable", `cannot reach ${instance.name}: it does not run`, {
      hint: `What it printed: berth logs ${instance.name}`,
    });
  }

  /** Runs a script that says a word and then is what was asked for: its input and output are the stream. */
  async #become(
    ctx: Pick<Ctx, "signal">,
    argv: readonly string[],
    as: { env?: Readonly<Record<string, string>>; user?: string } = {},
  ): Promise<{ word: string; stream?: Duplex }> {
    const { signal, done } = withDeadline(WORD_MS, ctx.signal);
    const child = await this.#start({ signal }, { argv, env: as.env }, as.user).catch((error) => {
      done();
      throw error;
    });
    const onAbort = () => child.close();
    signal.addEventListener("abort", onAbort, { once: true });
    child.stderr.resume();
    try {
      const word = await firstWord(child.stdout);
      signal.throwIfAborted();
      if (word === READY) return { word, stream: joined(child) };
      child.close();
      return { word };
    } finally {
      signal.removeEventListener("abort", onAbort);
      done();
    }
  }
}

function joined(child: GuestProcess): Duplex {
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.once("close", () => child.close());
  return stream;
}

/** Pure. */
export function execBody(
  request: ExecRequest,
  { container }: Pick<ContainerInstance, "container">,
): ExecBody {
  const { argv = ["sh", "-c", LOGIN_SHELL], cwd, env = {}, tty, term } = request;
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const Env = tty ? [`TERM=${term || DEFAULT_TERM}`, ...settings] : settings;
  if (cwd !== undefined && path.posix.isAbsolute(cwd)) return { Cmd: argv, Env, WorkingDir: cwd };
  if (cwd !== undefined || container.shape === "machine")
    return { Cmd: ["sh", "-c", AT_HOME, "sh", cwd ?? ".", ...argv], Env };
  return { Cmd: argv, Env };
}

/** Another one at each start, as a boot's is. */
export function bootIdOf({ Id, State }: Inspected): string {
  const hash = createHash("sha256").update(`${Id} ${State.StartedAt}`).digest("hex");
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function addressesOf({ NetworkSettings }: Inspected): string[] {
  const { IPAddress, Networks } = NetworkSettings;
  const all = [IPAddress, ...Object.values(Networks ?? {}).map((network) => network?.IPAddress)];
  return [...new Set(all.filter((one): one is string => !!one))];
}
