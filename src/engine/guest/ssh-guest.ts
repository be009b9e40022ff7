/** GuestAccess over SSH: how the engine works inside virtual machines. */
import type { Duplex } from "node:stream";
import type { ClientChannel, PseudoTtyOptions } from "ssh2";
import type { InstanceDetails } from "../../api/instance.ts";
import { deferred, sleep, withDeadline } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Log } from "../log.ts";
import { outcomeOf, stageOf, WAIT_SCRIPT } from "./cloud-init.ts";
import { DETAILS_SCRIPT, parseDetails } from "./details.ts";
import type { ExecRequest, GuestAccess, GuestProcess, ReadyReport, TunnelEnd } from "./guest.ts";
import { howToLook } from "./hints.ts";
import { commandLine } from "./quote.ts";
import { scriptOutput, timedOutput } from "./script.ts";
import { listenForBanner, SshConnection, type SshTarget } from "./ssh-connection.ts";
import { processOn } from "./ssh-process.ts";

/** How long one look waits for the guest's SSH server to speak, and the pause before the next look. */
const BANNER_MS = 2_000;
const RETRY_MS = 200;
const DETAILS_MS = 10_000;
const LOG_MS = 20_000;
const SSH_PORT = 22;
/** Programs that listen at "localhost" are at either of them alone, or at both. */
const LOOPBACKS = ["127.0.0.1", "::1"] as const;
/** For the SSH server of a guest that boots under emulation on a busy host. */
const SPEAK_MS = 300_000;
const DEFAULT_TERM = "xterm-256color";

export function createSshGuest(target: SshTarget, log: Log): GuestAccess {
  return new SshGuest(target, log);
}

class SshGuest implements GuestAccess {
  readonly #target: SshTarget;
  readonly #connection: SshConnection;

  constructor(target: SshTarget, log: Log) {
    this.#target = target;
    this.#connection = new SshConnection(target, log);
  }

  async waitReady(ctx: Ctx): Promise<ReadyReport> {
    ctx.progress({ phase: "boot" });
    await this.#waitForServer(ctx);
    ctx.progress({ phase: "cloud-init" });
    const output = await scriptOutput(this, ctx.signal, WAIT_SCRIPT, (line) => {
      const stage = stageOf(line);
      if (stage) ctx.progress({ phase: "cloud-init", message: stage });
    });
    const outcome = outcomeOf(output);
    if ("report" in outcome) return outcome.report;
    throw new EngineError(
      "driver-failed",
      `cannot set up ${this.#target.name}: cloud-init failed: ${outcome.failed}`,
      {
        hint: `Look at its log: berth log ${this.#target.name} --source cloud-init`,
      },
    );
  }

  async exec(ctx: Pick<Ctx, "signal">, request: ExecRequest): Promise<GuestProcess> {
    const command = commandLine(request);
    const pty = terminalOf(request);
    const channel = await this.#connection.channel(ctx.signal, (client) => {
      const opened = deferred<ClientChannel>();
      const done = (error: Error | undefined, channel: ClientChannel) =>
        error ? opened.reject(error) : opened.resolve(channel);
      if (command === undefined) client.shell(pty ?? false, done);
      else client.exec(command, pty ? { pty } : {}, done);
      return opened.promise;
    });
    return processOn(channel, this.#target.name);
  }

  async connect(ctx: Pick<Ctx, "signal">, port: number): Promise<Duplex> {
    if (port === SSH_PORT) return this.#sshServer(ctx.signal);
    let refusal: unknown;
    for (const address of LOOPBACKS) {
      try {
        return await this.tunnel(ctx, { host: address, port });
      } catch (error) {
        if (!isRefused(error)) throw error;
        refusal = error;
      }
    }
    const reason = `cannot connect to port ${port} of ${this.#target.name}: nothing listens there`;
    throw new EngineError("guest-unreachable", reason, { cause: refusal });
  }

  /** Rejects as the guest's SSH server words it where nothing listens there. */
  tunnel(ctx: Pick<Ctx, "signal">, to: TunnelEnd): Promise<Duplex> {
    return this.#connection.tunnel(ctx.signal, (client) => {
      const opened = deferred<ClientChannel>();
      const done = (error: Error | undefined, channel: ClientChannel) =>
        error ? opened.reject(error) : opened.resolve(channel);
      if ("socketPath" in to) client.openssh_forwardOutStreamLocal(to.socketPath, done);
      else client.forwardOut(LOOPBACKS[0], 0, to.host, to.port, done);
      return opened.promise;
    });
  }

  async sftp(ctx: Pick<Ctx, "signal">): Promise<Duplex> {
    try {
      const channel = await this.#connection.channel(ctx.signal, (client) => {
        const opened = deferred<ClientChannel>();
        client.subsys("sftp", (error, channel) => (error ? opened.reject(error) : opened.resolve(channel)));
        return opened.promise;
      });
      channel.stderr.resume(); // Nobody reads it, and it shares the channel's window.
      return channel;
    } catch (error) {
      if (!/subsystem/i.test(messageOf(error))) throw error;
      const reason = `cannot open the files of ${this.#target.name}: its SSH server offers no SFTP`;
      const hint = "Install its SFTP server; on Debian and Ubuntu that is the package openssh-sftp-server.";
      throw new EngineError("not-supported", reason, { hint, cause: error });
    }
  }

  async details(ctx: Pick<Ctx, "signal">): Promise<InstanceDetails> {
    return parseDetails(await this.#timed(ctx.signal, DETAILS_MS, DETAILS_SCRIPT));
  }

  cloudInitLog(ctx: Pick<Ctx, "signal">): Promise<string> {
    const script =
      "sudo -n tail -c 262144 /var/log/cloud-init-output.log 2>/dev/null || tail -c 262144 /var/log/cloud-init-output.log";
    return this.#timed(ctx.signal, LOG_MS, script);
  }

  dispose(): void {
    this.#connection.dispose();
  }

  /**
   * A forwarded port accepts connections before the guest does, and nothing tells when its server is up, so it is
   * asked until it speaks. A server that is up but does not let us in yet (its user is still to be made) counts as
   * not up; the last refusal is told when the caller's patience ends.
   */
  async #waitForServer(ctx: Ctx): Promise<void> {
    let refusal: unknown;
    try {
      for (;;) {
        const socket = await listenForBanner(this.#target, BANNER_MS, ctx.signal);
        ctx.signal.throwIfAborted();
        if (socket) {
          try {
            return await this.#connection.open(ctx.signal, socket);
          } catch (error) {
            ctx.signal.throwIfAborted();
            refusal = error;
            ctx.log.debug("the guest's SSH server is up but refuses", { error });
          }
        }
        await sleep(RETRY_MS, ctx.signal);
      }
    } catch (error) {
      throw refusal && (ctx.signal.reason as Error | undefined)?.name === "TimeoutError"
        ? refusal
        : (ctx.signal.reason ?? error);
    }
  }

  /** A connection of its own to the guest's SSH server, its first words still to be read. */
  async #sshServer(parent: AbortSignal): Promise<Duplex> {
    const { signal, done } = withDeadline(SPEAK_MS, parent);
    try {
      for (;;) {
        const socket = await listenForBanner(this.#target, BANNER_MS, signal);
        if (socket) return socket;
        await sleep(RETRY_MS, signal);
      }
    } catch (error) {
      parent.throwIfAborted();
      const { name } = this.#target;
      throw new EngineError(
        "guest-unreachable",
        `cannot reach ${name}: its SSH server did not speak within ${SPEAK_MS / 1000} s`,
        { hint: `What it says: ${howToLook(name)}`, cause: error },
      );
    } finally {
      done();
    }
  }

  #timed(signal: AbortSignal, ms: number, script: string): Promise<string> {
    return timedOutput(this, signal, script, { ms, name: this.#target.name });
  }
}

/** Whether the server is there, and what was to be connected to is not. */
export function isRefused(error: unknown): boolean {
  return /channel open failure/i.test(messageOf(error));
}

function terminalOf(request: ExecRequest): PseudoTtyOptions | undefined {
  if (!request.tty) return undefined;
  return { cols: request.tty.cols, rows: request.tty.rows, term: request.term || DEFAULT_TERM };
}
