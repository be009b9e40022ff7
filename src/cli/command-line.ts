/** What a program of commands is, whichever those are. */
import { Command, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import type { Session } from "./session.ts";

/** Declares commands. */
export type AddVerbs = (program: Command, session: Session) => void;

export function bareProgram(session: Session): Command {
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

/** What is the same for all of its commands, once they are declared. `answering` is the one that is run. */
export function readied(program: Command, session: Session, answering = program): Command {
  prepare(program, session);
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

/** Every word that is a command. */
export function namesOf(program: Command): string[] {
  return program.commands.flatMap((one) => [one.name(), ...one.aliases()]).concat("help");
}
