/** The command `berth`. Its boundary: every failure ends here as words on stderr and an exit code. */
import module from "node:module";

// Compiled code is kept between runs: most of a short command's time is reading code.
module.enableCompileCache?.();

import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { type EngineError, ERROR_CODES, toEngineError } from "../base/errors.ts";
import { addEngineCommands } from "./engine.ts";
import { addExecCommands } from "./exec.ts";
import { addImageCommands } from "./images.ts";
import { addInstallCommands } from "./install.ts";
import { addInstanceCommands } from "./instances.ts";
import { Session } from "./session.ts";

const USAGE_EXIT = 1;
const NO_COMMAND_EXIT = 2;

export function createProgram(session: Session): Command {
  const program = new Command("berth")
    .description("Virtual machines in one step.")
    .version(manifest.version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "Display help about a command")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ sortSubcommands: true, showGlobalOptions: false });
  addInstanceCommands(program, session);
  addExecCommands(program, session);
  addImageCommands(program, session);
  addEngineCommands(program, session);
  addInstallCommands(program, session);
  return program;
}

/** Runs one command line; resolves with the exit code. */
export async function main(argv: readonly string[], session: Session): Promise<number> {
  const program = createProgram(session);
  if (argv.length === 0) {
    session.print(program.helpInformation());
    return NO_COMMAND_EXIT;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT;
    return report(session, argv[0] ?? "", toEngineError(error));
  } finally {
    await session.dispose();
  }
}

function report(session: Session, verb: string, error: EngineError): number {
  session.note(`${verb} failed: ${error.message}`);
  if (error.hint) session.note(error.hint);
  return ERROR_CODES[error.code].exit;
}

/** What the client and the engine need: `node:sqlite`, zstd. */
const MINIMUM_NODE = [22, 15] as const;

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1]);
}

async function run(): Promise<void> {
  const session = new Session();
  if (isTooOld(process.versions.node)) {
    session.note(
      `berth failed: cannot run on Node ${process.versions.node}: ${MINIMUM_NODE.join(".")} or later is needed`,
    );
    session.note("Run it with a newer Node, or from VS Code's integrated terminal, which brings its own.");
    process.exit(ERROR_CODES["missing-dependency"].exit);
  }
  let asked = false;
  process.on("SIGINT", () => {
    // A second Ctrl-C does not wait for what the first has asked for.
    if (asked) process.exit(130);
    asked = process.listenerCount("SIGINT") === 1;
    if (asked) session.cancel();
  });
  const code = await main(process.argv.slice(2), session);
  // A pipe may still hold what was printed: leaving now would cut it off.
  await Promise.all(
    [process.stdout, process.stderr].map((out) => new Promise<void>((done) => out.write("", () => done()))),
  );
  process.exit(code);
}

void run();
