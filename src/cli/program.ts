/** The command line: every verb, and the boundary where a failure becomes words on stderr and an exit code. */
import { Command, CommanderError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { PRIMARY_NAME } from "../api/names.ts";
import { type EngineError, ERROR_CODES, toEngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { addAccessCommands } from "./access.ts";
import { addAliasCommands, runAlias } from "./aliases.ts";
import { addAutostartCommands } from "./autostart.ts";
import { addCloudInitCommands } from "./cloud-init.ts";
import { addComposeCommands } from "./compose.ts";
import { addConsoleCommand } from "./console.ts";
import { addContainerImageCommands } from "./container-images.ts";
import { addExportCommand, addImportCommand } from "./container-tars.ts";
import { addDiskCommands } from "./disks.ts";
import { addDoctorCommands } from "./doctor.ts";
import { addEngineCommands } from "./engine.ts";
import { addExecCommands } from "./exec.ts";
import { addForeignContainerCommands } from "./foreign-containers.ts";
import { addHostsCommand } from "./hosts.ts";
import { addImageCommands } from "./images.ts";
import { addInfoCommand } from "./info.ts";
import { addInstallCommands } from "./install.ts";
import { addInstanceCommands } from "./instances.ts";
import { addIsoCommands } from "./iso.ts";
import { addLifecycleCommands } from "./lifecycle.ts";
import { addLogsCommand } from "./logs.ts";
import { addAttachCommand } from "./main-process.ts";
import { addMcpCommand } from "./mcp.ts";
import { addMountCommands } from "./mounts.ts";
import { multipassMessage, multipassUsage } from "./multipass/messages.ts";
import { asMultipass, unknownCommand } from "./multipass/program.ts";
import { addNetworkCommands } from "./networks.ts";
import { addPortCommands } from "./ports.ts";
import { addPowerCommands } from "./power.ts";
import { addProjectCommands } from "./project.ts";
import { addSandboxCommands } from "./sandbox.ts";
import { addScreenshotCommand } from "./screenshot.ts";
import type { Session } from "./session.ts";
import { addSessionCommands } from "./sessions.ts";
import { addSettingCommands } from "./settings.ts";
import { addSnapshotCommands } from "./snapshots.ts";
import { addSshCommands } from "./ssh.ts";
import { addStatsCommand } from "./stats.ts";
import { addStorageCommands } from "./storage.ts";
import { addTransferCommand } from "./transfer.ts";
import { addZoneCommands } from "./zones.ts";

const USAGE_EXIT = 1;
const NO_COMMAND_EXIT = 2;

type AddVerbs = (program: Command, session: Session) => void;

/** All of them, by their headings in the help. */
const VERBS: Readonly<Record<string, readonly AddVerbs[]>> = {
  "Instances:": [
    addInstanceCommands,
    addInfoCommand,
    addPowerCommands,
    addLifecycleCommands,
    addForeignContainerCommands,
    addDiskCommands,
    addIsoCommands,
    addScreenshotCommand,
  ],
  "Projects:": [addProjectCommands, addComposeCommands],
  "Agents:": [addSandboxCommands, addMcpCommand],
  "Snapshots:": [addSnapshotCommands],
  "Guests:": [
    addExecCommands,
    addSessionCommands,
    addConsoleCommand,
    addLogsCommand,
    addAttachCommand,
    addStatsCommand,
    addTransferCommand,
    addExportCommand,
    addMountCommands,
    addPortCommands,
    addSshCommands,
    addCloudInitCommands,
  ],
  "Aliases:": [(program, session) => addAliasCommands(program, session, () => namesOf(program))],
  "Images:": [addImageCommands, addContainerImageCommands, addImportCommand],
  "Engine:": [
    addEngineCommands,
    addNetworkCommands,
    addHostsCommand,
    addZoneCommands,
    addAccessCommands,
    addAutostartCommands,
    addStorageCommands,
    addDoctorCommands,
    addSettingCommands,
  ],
  "This command:": [addInstallCommands],
};

/** `primary` names the primary instance in the help that it gives under the name `multipass`. */
export function createProgram(session: Session, primary = PRIMARY_NAME): Command {
  const program = bareProgram(session);
  for (const [heading, verbs] of Object.entries(VERBS)) {
    program.commandsGroup(heading);
    for (const add of verbs) add(program, session);
  }
  program.helpCommand("help [command]", "Display help about a command");
  prepare(program, session);
  const answering = session.dialect === "multipass" ? asMultipass(program, primary) : program;
  return answering.hook("preAction", (_program, command) => {
    session.verb = pathOf(command);
  });
}

function bareProgram(session: Session): Command {
  return new Command("berth")
    .description("Virtual machines and containers in one step.")
    .version(manifest.version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .configureOutput({
      writeOut: (text) => session.print(text),
      writeErr: (text) => session.note(text.trimEnd()),
      // Under the name `multipass` the failure is told in its words, where it is caught.
      outputError: (text, write) => (session.dialect === "berth" ? write(text) : undefined),
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
  try {
    const words = asksForHelp(argv, hostPlatform());
    const program = createProgram(session, words.help ? await session.primaryName() : undefined);
    if (argv.length === 0) {
      session.print(program.helpInformation());
      return NO_COMMAND_EXIT;
    }
    if (await isAlias(program, session, argv)) return session.exitCode;
    await program.parseAsync(words.argv, { from: "user" });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(session, error, argv);
    return report(session, toEngineError(error));
  } finally {
    await session.dispose();
  }
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

/** What cannot be read of the command line. Commander has said it, but for the name `multipass`. */
function reportUsage(session: Session, error: CommanderError, argv: readonly string[]): number {
  if (error.exitCode === 0) return 0;
  const multipass = session.dialect === "multipass";
  if (multipass) session.note(multipassUsage(error));
  if (error.code === "commander.unknownOption" && argv[0] === "exec" && !argv.includes("--")) {
    session.note(
      multipass
        ? '\nOptions to the inner command should come after "--", like this:\nmultipass exec <instance> -- <command> <arguments>'
        : "Options of the command itself come after --: berth exec <name> -- <command> <options>",
    );
  }
  return USAGE_EXIT;
}

/** Every word that is a command. */
function namesOf(program: Command): string[] {
  return program.commands.flatMap((one) => [one.name(), ...one.aliases()]).concat("help");
}

/** A first word that is no command may be an alias; it has then been run. */
async function isAlias(program: Command, session: Session, argv: readonly string[]): Promise<boolean> {
  const [word = ""] = argv;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(word) || namesOf(program).includes(word)) return false;
  if (await runAlias(session, argv)) return true;
  if (session.dialect === "berth") return false;
  session.note(unknownCommand(word));
  session.exitCode = USAGE_EXIT;
  return true;
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
  // Multipass tells an end of the user's own patience from one of the engine's.
  if (plain && error.code === "timed-out" && !session.hasDeadline) return ERROR_CODES.internal.exit;
  return ERROR_CODES[error.code].exit;
}
