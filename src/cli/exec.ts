/** exec and shell: a process in a guest on this terminal, or between pipes. */
import type { Command } from "commander";
import { PRIMARY_NAME } from "../api/names.ts";
import type { ExecOpen, TerminalSize } from "../api/streams.ts";
import type { RemoteProcess } from "../client/engine-client.ts";
import type { Session, Streams } from "./session.ts";

/** What a shell reports for a command that a signal ended, and for the signals that are usual. */
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBERS: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  TERM: 15,
};

export function addExecCommands(program: Command, session: Session): void {
  program
    .command("exec")
    .summary("Run a command on an instance")
    .argument("<name>")
    .argument("<command...>", "the command and its arguments, after --")
    .option("-d, --working-directory <dir>", "where to run it")
    .option("-t, --tty", "give it a terminal")
    .action(async (name: string, argv: string[], options: { workingDirectory?: string; tty?: boolean }) => {
      await runIn(session, name, {
        argv,
        ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
        ...(options.tty ? terminal(session.io) : {}),
      });
    });

  program
    .command("shell")
    .alias("sh")
    .alias("connect")
    .summary("Open a shell on an instance")
    .argument("[name]", "the instance; the primary one is made when it is missing", PRIMARY_NAME)
    .action(async (name: string) => {
      await makeReady(session, name);
      await runIn(session, name, session.io.stdin.isTTY ? terminal(session.io) : {});
    });
}

function terminal(io: Streams): Pick<ExecOpen, "tty" | "term"> {
  return { tty: sizeOf(io.stdout), term: process.env["TERM"] || "xterm-256color" };
}

function sizeOf(out: NodeJS.WriteStream): TerminalSize {
  return { cols: out.columns || 80, rows: out.rows || 24 };
}

/** Starts the instance where it is stopped; makes the primary one where there is none. */
async function makeReady(session: Session, name: string): Promise<void> {
  const { api } = await session.client();
  const known = (await api.instances.list()).items.find((item) => item.name === name);
  if (known?.state === "running" && known.operation === undefined) return;
  if (!known && name === PRIMARY_NAME)
    await session.follow(await api.instances.launch({ name, image: "default" }));
  else await session.follow(await api.instances.start({ name }));
}

async function runIn(session: Session, name: string, open: ExecOpen): Promise<void> {
  const client = await session.client();
  const child = await client.exec(name, open, { signal: session.signal });
  const attached = attach(session, child, open.tty !== undefined);
  try {
    const { code, signal } = await child.exited;
    session.exitCode = code ?? SIGNAL_EXIT + (SIGNAL_NUMBERS[signal ?? ""] ?? 0);
    await attached.flushed();
  } finally {
    attached.dispose();
  }
}

/** Joins the process to this terminal; `dispose` gives the terminal back as it was, whatever happened. */
function attach(
  session: Session,
  child: RemoteProcess,
  tty: boolean,
): { flushed(): Promise<void>; dispose(): void } {
  const { stdin, stdout, stderr } = session.io;
  const raw = tty && stdin.isTTY;
  const resize = () => child.resize(sizeOf(stdout));
  let interrupts = 0;
  const interrupt = () => {
    interrupts += 1;
    if (interrupts === 1) child.signal("INT");
    else session.cancel();
  };
  const terminate = () => child.signal("TERM");
  if (raw) stdin.setRawMode(true);
  if (tty) stdout.on("resize", resize);
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", terminate);
  const ends = [child.stdout, child.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.once("close", resolve)),
  );
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  // A reader that leaves (`berth exec … | head`) ends the command, as a local pipe would.
  const onBrokenPipe = () => child.close();
  stdout.on("error", onBrokenPipe);
  child.stdin.on("error", () => {});
  stdin.pipe(child.stdin);
  return {
    flushed: async () => {
      await Promise.all(ends);
    },
    dispose: () => {
      stdin.unpipe(child.stdin);
      stdin.pause();
      if (raw) stdin.setRawMode(false);
      stdout.off("resize", resize);
      stdout.off("error", onBrokenPipe);
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", terminate);
      child.close();
    },
  };
}
