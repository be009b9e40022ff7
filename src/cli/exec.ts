/** exec and shell: a process in a guest on this terminal, or between pipes. */
import type { Command } from "commander";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import { EngineError } from "../base/errors.ts";
import type { RemoteProcess } from "../client/engine-client.ts";
import { timeoutOption } from "./options.ts";
import { bringUp } from "./primary.ts";
import type { Session, Streams } from "./session.ts";

/** What a shell reports for a command that a signal ended: this and the signal's number. */
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBERS: Record<string, number> = {
  ...{ HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8 },
  ...{ KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14, TERM: 15 },
};

type ExecOptions = { workingDirectory?: string; mapWorkingDirectory: boolean; tty?: boolean };

export function addExecCommands(program: Command, session: Session): void {
  const exec = program
    .command("exec")
    .description("Run a command on an instance")
    .argument("<name>", "the instance")
    .argument("<command...>", "the command and its arguments, after --")
    .option("-d, --working-directory <dir>", "where to run it")
    .option("-n, --no-map-working-directory", "in the user's home, even where this directory is mounted")
    .addHelpText("after", "\nExample: berth exec primary -- ls -l /etc")
    .action(async (name: string, argv: string[], options: ExecOptions) => {
      const { workingDirectory: cwd, mapWorkingDirectory: maps } = options;
      // Multipass asks nobody: what is run from a terminal gets one.
      const tty = options.tty ?? (session.dialect === "multipass" && isOnTerminal(session.io));
      if (cwd !== undefined && !maps) {
        throw new EngineError(
          "invalid-argument",
          "Options --working-directory and --no-map-working-directory clash",
        );
      }
      await runIn(session, name, {
        argv,
        ...(cwd !== undefined ? { cwd } : maps ? { hostCwd: process.cwd() } : {}),
        ...(tty ? terminal(session.io) : {}),
      });
    });
  if (session.dialect === "berth") exec.option("-t, --tty", "give it a terminal");

  timeoutOption(
    program
      .command("shell")
      .alias("sh")
      .alias("connect")
      .description("Open a shell on an instance")
      .argument("[name]", "the instance; started where it is stopped, made where it is the primary one"),
  ).action(async (given: string | undefined, { timeout }: { timeout?: number }) => {
    const name = given ?? (await session.primaryName());
    if (name === "") {
      throw new EngineError(
        "invalid-argument",
        "The primary instance is disabled, please provide an instance name.",
      );
    }
    const message = "Timed out waiting for instance to start.";
    if (!(await isUp(session, name)))
      await bringUp(session, name, timeout === undefined ? {} : { limit: { seconds: timeout, message } });
    await runIn(session, name, session.io.stdin.isTTY ? terminal(session.io) : {});
  });
}

async function isUp(session: Session, name: string): Promise<boolean> {
  const { api } = await session.client();
  const known = (await api.instances.list()).items.find((item) => item.name === name);
  return known?.state === "running" && known.operation === undefined;
}

export function isOnTerminal({ stdin, stdout }: Streams): boolean {
  return Boolean(stdin.isTTY && stdout.isTTY);
}

/**
 * `exec NAME -- COMMAND`, as it is typed nearly always: without options. Undefined for every other command line. Pure.
 */
export function plainExecOf(argv: readonly string[]): { name: string; argv: string[] } | undefined {
  const [verb, name = "-", separator, ...command] = argv;
  if (verb !== "exec" || name.startsWith("-") || separator !== "--" || command.length === 0) return undefined;
  return { name, argv: command };
}

/** A terminal like this process's own. */
export function terminal(io: Streams): Pick<ExecOpen, "tty" | "term"> {
  return { tty: sizeOf(io.stdout), term: process.env["TERM"] || "xterm-256color" };
}

function sizeOf(out: NodeJS.WriteStream): TerminalSize {
  return { cols: out.columns || 80, rows: out.rows || 24 };
}

/** Runs a command, or a login shell, in a running instance, on this process's streams; the exit code is the session's. */
export async function runIn(session: Session, name: string, open: ExecOpen): Promise<void> {
  const child = await session.exec(name, open);
  const attached = attach(session, child, open.tty !== undefined);
  try {
    const { code, signal } = await child.exited;
    session.exitCode = code ?? SIGNAL_EXIT + (SIGNAL_NUMBERS[signal ?? ""] ?? 0);
    await attached.flushed;
  } catch (error) {
    const left = attached.left();
    if (left === undefined) throw error;
    session.exitCode = SIGNAL_EXIT + (SIGNAL_NUMBERS[left] ?? 0);
  } finally {
    attached.dispose();
  }
}

type Attached = {
  /** Resolves when all output has been handed to this process's streams. */
  readonly flushed: Promise<unknown>;
  /** The signal at which this process has let go of the command; undefined while it has not. */
  left(): "INT" | "TERM" | undefined;
  /** Gives the terminal back as it was, whatever happened. */
  dispose(): void;
};

/** Joins the process to this terminal. */
function attach(session: Session, child: RemoteProcess, tty: boolean): Attached {
  const { stdin, stdout, stderr } = session.io;
  const raw = tty && stdin.isTTY;
  const signals = forwardSignals(session, child, raw);
  const resize = () => child.resize(sizeOf(stdout));
  if (raw) stdin.setRawMode(true);
  if (tty) stdout.on("resize", resize);
  // A command that ends at once may have closed its outputs by now.
  const ends = [child.stdout, child.stderr].map(
    (stream) => stream.closed || new Promise<void>((resolve) => stream.once("close", resolve)),
  );
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  child.stdin.on("error", () => {}); // The command may end without reading its input; its exit tells.
  stdin.pipe(child.stdin);
  return {
    flushed: Promise.all(ends),
    left: signals.left,
    dispose: () => {
      stdin.unpipe(child.stdin);
      stdin.pause();
      if (raw) stdin.setRawMode(false);
      stdout.off("resize", resize);
      signals.dispose();
      child.close();
    },
  };
}

/**
 * The first signal goes to the command, the second one leaves it, which ends it. A raw terminal sends Ctrl-C as a
 * byte, so a signal there is meant for this process: it leaves at the first.
 */
function forwardSignals(
  session: Session,
  child: RemoteProcess,
  raw: boolean,
): { left(): "INT" | "TERM" | undefined; dispose(): void } {
  let forwarded = false;
  let left: "INT" | "TERM" | undefined;
  const on = (name: "INT" | "TERM") => () => {
    if (raw || forwarded) {
      left = name;
      session.cancel();
    } else child.signal(name);
    forwarded = true;
  };
  const release = session.takeInterrupts(on("INT"));
  const terminate = on("TERM");
  process.on("SIGTERM", terminate);
  return {
    left: () => left,
    dispose: () => {
      release();
      process.off("SIGTERM", terminate);
    },
  };
}
