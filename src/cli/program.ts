/** The command line: the verb that is asked for, and the boundary where a failure becomes an exit code. */
import { type Command, CommanderError } from "commander";
import { toEngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { type AddVerbs, bareProgram, namesOf, readied } from "./command-line.ts";
import type { Session } from "./session.ts";

const UNKNOWN_EXIT = 1;
const NO_COMMAND_EXIT = 2;

const instances = async () => (await import("./instances.ts")).addInstanceCommands;
const power = async () => (await import("./power.ts")).addPowerCommands;

/** What scripts run often: to load and to declare all the others takes longer than to run it. Any verb may be left out. */
export const OFTEN: Readonly<Record<string, () => Promise<AddVerbs>>> = {
  launch: instances,
  list: instances,
  ls: instances,
  start: power,
  stop: power,
  delete: power,
  exec: async () => (await import("./exec.ts")).addExecCommands,
  info: async () => (await import("./info.ts")).addInfoCommand,
  logs: async () => (await import("./logs.ts")).addLogsCommand,
  transfer: async () => (await import("./transfer.ts")).addTransferCommand,
};

/** Runs one command line; resolves with the exit code. */
export async function main(argv: readonly string[], session: Session): Promise<number> {
  try {
    const words = asksForHelp(argv, hostPlatform());
    const program = words.help ? undefined : await programOf(argv[0] ?? "", session);
    return await runIn(program ?? (await wholeProgram(words.help, session)), words.argv, session);
  } catch (error) {
    const { report, reportUsage } = await import("./report.ts");
    if (error instanceof CommanderError) return reportUsage(session, error, argv);
    return report(session, toEngineError(error));
  } finally {
    await session.dispose();
  }
}

async function runIn(program: Command, argv: readonly string[], session: Session): Promise<number> {
  if (argv.length === 0) {
    session.print(program.helpInformation());
    return NO_COMMAND_EXIT;
  }
  if (await isAlias(program, session, argv)) return session.exitCode;
  await program.parseAsync(argv, { from: "user" });
  return session.exitCode;
}

/** With this verb and those that are declared beside it; undefined where it takes all of them. */
export async function programOf(verb: string, session: Session): Promise<Command | undefined> {
  const often = session.dialect === "berth" && Object.hasOwn(OFTEN, verb) ? OFTEN[verb] : undefined;
  if (!often) return undefined;
  const program = bareProgram(session);
  (await often())(program, session);
  return readied(program, session);
}

async function wholeProgram(help: boolean, session: Session): Promise<Command> {
  const { createProgram } = await import("./all-verbs.ts");
  return createProgram(session, help ? await session.primaryName() : undefined);
}

/** Whether help is asked for; on Windows a question mark does, too. What follows `--` is the guest's. Pure. */
export function asksForHelp(
  argv: readonly string[],
  platform: NodeJS.Platform,
): { argv: string[]; help: boolean } {
  const end = argv.indexOf("--") < 0 ? argv.length : argv.indexOf("--");
  const own = argv.slice(0, end).map((word) => (word === "-?" && platform === "win32" ? "--help" : word));
  const help =
    own.length === 0 || own[0] === "help" || own.some((word) => word === "-h" || word === "--help");
  return { argv: [...own, ...argv.slice(end)], help };
}

/** A first word that is no command may be an alias; it has then been run. */
async function isAlias(program: Command, session: Session, argv: readonly string[]): Promise<boolean> {
  const [word = ""] = argv;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(word) || namesOf(program).includes(word)) return false;
  const { runAlias } = await import("./aliases.ts");
  if (await runAlias(session, argv)) return true;
  if (session.dialect === "berth") return false;
  const { unknownCommand } = await import("./multipass/program.ts");
  session.note(unknownCommand(word));
  session.exitCode = UNKNOWN_EXIT;
  return true;
}
