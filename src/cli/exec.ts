/** exec and shell. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { isOnTerminal, runIn, terminal } from "./attach.ts";
import { timeoutOption } from "./options.ts";
import { bringUp } from "./primary.ts";
import type { Session } from "./session.ts";

type ExecOptions = { workingDirectory?: string; mapWorkingDirectory: boolean; tty?: boolean };

export function addExecCommands(program: Command, session: Session): void {
  addExec(program, session);
  addShell(program, session);
}

function addExec(program: Command, session: Session): void {
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
}

function addShell(program: Command, session: Session): void {
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
