/** What the engine may do inside a running guest, whichever way it gets in (SSH, a runtime's API). */
import type { Duplex, Readable, Writable } from "node:stream";
import type { InstanceDetails } from "../../api/instance.ts";
import type { SignalName, TerminalSize } from "../../api/streams.ts";
import type { Ctx } from "../ctx.ts";

export type ExecRequest = {
  /** Program and arguments, each reaching the program unchanged; absent: the user's login shell. */
  argv?: readonly string[] | undefined;
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  /** Present: a pseudo-terminal, and stderr stays empty. */
  tty?: TerminalSize | undefined;
  term?: string | undefined;
};

export type ProcessExit = { code?: number; signal?: string };

/** A process in the guest. Whoever opened it owns it: read both outputs to their end or `close` it. */
export interface GuestProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once, after both outputs have ended. Rejects with `guest-unreachable` when the connection was lost. */
  readonly exited: Promise<ProcessExit>;
  resize(size: TerminalSize): void;
  signal(name: SignalName): void;
  /** Ends the process and frees the channel; no effect after the exit. */
  close(): void;
}

/** A Unix socket in the guest, or a TCP port that is in its reach. */
export type TunnelEnd = { socketPath: string } | { host: string; port: number };

export type ReadyReport = {
  /** `done`; `degraded` when it ended with recoverable errors; `absent` in guests without cloud-init. */
  cloudInit: "done" | "degraded" | "absent";
  errors: string[];
};

export interface GuestAccess {
  /**
   * Resolves when the guest takes commands and its first-boot set-up has ended well. Progress phases: `boot`, then
   * `cloud-init`. Rejects early with `driver-failed` and cloud-init's own words when that failed.
   */
  waitReady(ctx: Ctx): Promise<ReadyReport>;
  exec(ctx: Pick<Ctx, "signal">, request: ExecRequest): Promise<GuestProcess>;
  /**
   * A connection to a TCP port on the guest's loopback, IPv4 or IPv6; the caller owns it. Rejects with `guest-unreachable` where
   * nothing listens. For 22 it waits until the SSH server speaks, and for no login of ours.
   */
  connect(ctx: Pick<Ctx, "signal">, port: number): Promise<Duplex>;
  /**
   * A connection to whatever the guest itself can connect to; the caller owns it. Absent where it goes no further than
   * the guest.
   */
  readonly tunnel?: (ctx: Pick<Ctx, "signal">, to: TunnelEnd) => Promise<Duplex>;
  /** The guest's SFTP server, as its user; the caller owns it. Rejects with `not-supported` where there is none. */
  sftp(ctx: Pick<Ctx, "signal">): Promise<Duplex>;
  /** Facts from one round trip; rejects with `guest-unreachable` within 10 s when the guest does not answer. */
  details(ctx: Pick<Ctx, "signal">): Promise<InstanceDetails>;
  /** The end of a log inside the guest. */
  cloudInitLog(ctx: Pick<Ctx, "signal">): Promise<string>;
  /** Closes kept connections. */
  dispose(): void;
}
