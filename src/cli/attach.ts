/**
 * A process in a guest on this terminal, or between pipes. It is loaded for nearly every `exec` without the rest of the
 * command, so it must not import what declares commands.
 */
import type { Duplex } from "node:stream";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import type { RemoteProcess } from "../client/engine-client.ts";
import type { Session, Streams } from "./session.ts";

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
  const attached = attach(session, child, { tty: open.tty !== undefined });
  try {
    session.exitCode = exitCodeOf(await child.exited);
    await attached.flushed;
  } catch (error) {
    const left = attached.left();
    if (left === undefined) throw error;
    session.exitCode = exitCodeOf({ signal: left });
  } finally {
    attached.dispose();
  }
}

export type AttachOptions = {
  tty: boolean;
  /** Whether what this process reads is sent to it; it is when left out. */
  sends?: boolean;
  /** What that goes through on its way. */
  through?: Duplex | undefined;
  /** Whether a signal to this process is sent to it; it is when left out. */
  forwards?: boolean;
};

export type Attached = {
  /** Resolves when all output has been handed to this process's streams. */
  readonly flushed: Promise<unknown>;
  /** The signal at which this process has let go of the command; undefined while it has not. */
  left(): "INT" | "TERM" | undefined;
  /** Gives the terminal back as it was, whatever happened. */
  dispose(): void;
};

/** Joins the process to this terminal. */
export function attach(session: Session, child: RemoteProcess, options: AttachOptions): Attached {
  const { tty, sends = true, through, forwards = true } = options;
  const { stdin, stdout, stderr } = session.io;
  const raw = tty && sends && stdin.isTTY;
  const signals = forwardSignals(session, child, forwards && !raw);
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
  if (sends) (through ? stdin.pipe(through) : stdin).pipe(child.stdin);
  return {
    flushed: Promise.all(ends),
    left: signals.left,
    dispose: () => {
      stdin.unpipe(through ?? child.stdin);
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
 * byte, so a signal there is meant for this process: it leaves at the first, as where none is to be sent.
 */
function forwardSignals(
  session: Session,
  child: RemoteProcess,
  forwards: boolean,
): { left(): "INT" | "TERM" | undefined; dispose(): void } {
  let forwarded = false;
  let left: "INT" | "TERM" | undefined;
  const on = (name: "INT" | "TERM") => () => {
    if (!forwards || forwarded) {
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
