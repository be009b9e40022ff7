/** The command line: every verb, and the boundary where a failure becomes words on stderr and an exit code. */
import { Command, CommanderError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { type EngineError, ERROR_CODES, toEngineError } from "../base/errors.ts";
import { addAccessCommands } from "./access.ts";
import { addAliasCommands, runAlias } from "./aliases.ts";
import { addAutostartCommands } from "./autostart.ts";
import { addCloudInitCommands } from "./cloud-init.ts";
import { addDiskCommands } from "./disks.ts";
import { addDoctorCommands } from "./doctor.ts";
import { addEngineCommands } from "./engine.ts";
import { addExecCommands } from "./exec.ts";
import { addImageCommands } from "./images.ts";
import { addInstallCommands } from "./install.ts";
import { addInstanceCommands } from "./instances.ts";
import { addLifecycleCommands } from "./lifecycle.ts";
import { addMountCommands } from "./mounts.ts";
import { asMultipass, multipassMessage } from "./multipass/program.ts";
import { addNetworkCommands } from "./networks.ts";
import { addPortCommands } from "./ports.ts";
import { addPowerCommands } from "./power.ts";
import { addProjectCommands } from "./project.ts";
import type { Session } from "./session.ts";
import { addSettingCommands } from "./settings.ts";
import { addSnapshotCommands } from "./snapshots.ts";
import { addSshCommands } from "./ssh.ts";
import { addStorageCommands } from "./storage.ts";
import { addTransferCommand } from "./transfer.ts";
import { addZoneCommands } from "./zones.ts";

const USAGE_EXIT = 1;
const NO_COMMAND_EXIT = 2;

export function createProgram(session: Session): Command {
  const program = new Command("berth")
    .description("Virtual machines in one step.")
    .version(manifest.version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .configureOutput({
      writeOut: (text) => session.print(text),
      writeErr: (text) => session.note(text.trimEnd()),
    });
  addInstanceCommands(program.commandsGroup("Instances:"), session);
  addPowerCommands(program, session);
  addLifecycleCommands(program, session);
  addProjectCommands(program.commandsGroup("Projects:"), session);
  addDiskCommands(program.commandsGroup("Instances:"), session);
  addSnapshotCommands(program.commandsGroup("Snapshots:"), session);
  addExecCommands(program.commandsGroup("Guests:"), session);
  addTransferCommand(program.commandsGroup("Guests:"), session);
  addMountCommands(program.commandsGroup("Guests:"), session);
  addPortCommands(program.commandsGroup("Guests:"), session);
  addSshCommands(program, session);
  addCloudInitCommands(program, session);
  addAliasCommands(program.commandsGroup("Aliases:"), session, () => namesOf(program));
  addImageCommands(program.commandsGroup("Images:"), session);
  addEngineCommands(program.commandsGroup("Engine:"), session);
  addNetworkCommands(program, session);
  addZoneCommands(program, session);
  addAccessCommands(program, session);
  addAutostartCommands(program, session);
  addStorageCommands(program, session);
  addDoctorCommands(program, session);
  addSettingCommands(program, session);
  addInstallCommands(program.commandsGroup("This command:"), session);
  program.helpCommand("help [command]", "Display help about a command");
  prepare(program, session);
  const answering = session.dialect === "multipass" ? asMultipass(program) : program;
  return answering.hook("preAction", (_program, command) => {
    session.verb = pathOf(command);
  });
}

/** What every command takes; subcommands do not inherit it. */
function prepare(command: Command, session: Session): void {
  command.addOption(new Option("-v, --verbose", "say more about failures; more so with -vv"));
  command.on("option:verbose", () => {
    session.verbosity += 1;
  });
  for (const child of command.commands) prepare(child, session);
}

/** `image pull` for that subcommand. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

/** Runs one command line; resolves with the exit code. */
export async function main(argv: readonly string[], session: Session): Promise<number> {
  const program = createProgram(session);
  if (argv.length === 0) {
    session.print(program.helpInformation());
    return NO_COMMAND_EXIT;
  }
  try {
    if (await isAlias(program, session, argv)) return session.exitCode;
    await program.parseAsync([...argv], { from: "user" });
    return session.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(session, toEngineError(error));
    if (error.code === "commander.unknownOption" && argv[0] === "exec") {
      session.note("Options of the command itself come after --: berth exec <name> -- <command> <options>");
    }
    return error.exitCode === 0 ? 0 : USAGE_EXIT;
  } finally {
    await session.dispose();
  }
}

/** Every word that is a command. */
function namesOf(program: Command): string[] {
  return program.commands.flatMap((one) => [one.name(), ...one.aliases()]).concat("help");
}

/** A first word that is no command may be an alias; it has then been run. */
async function isAlias(program: Command, session: Session, argv: readonly string[]): Promise<boolean> {
  const [word = ""] = argv;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(word) || namesOf(program).includes(word)) return false;
  return runAlias(session, argv);
}

/** Says on stderr what has failed; returns the exit code. */
export function report(session: Session, error: EngineError): number {
  const plain = session.dialect === "multipass";
  session.note(`${session.verb} failed: ${plain ? multipassMessage(error) : error.message}`);
  if (error.hint && !plain) session.note(error.hint);
  if (session.verbosity > 0) {
    session.note(`code: ${error.code}`);
    if (error.details) session.note(`details: ${JSON.stringify(error.details)}`);
    for (let cause = error.cause; cause !== undefined; cause = (cause as Error).cause)
      session.note(`cause: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (session.verbosity > 1 && error.stack) session.note(error.stack);
  return ERROR_CODES[error.code].exit;
}
