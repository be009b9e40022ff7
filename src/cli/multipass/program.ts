/**
 * The same verbs under the name `multipass`: only those that Multipass has, with its summaries, its layout of help and
 * its way of wording a failure. Facts from Multipass's documentation and its behaviour (main, 2026-08).
 */
import { Command, type Help } from "commander";
import type { EngineError } from "../../base/errors.ts";

/** Command → the summary that `multipass help` lists; its order is the order of the list. */
export const SUMMARIES: Readonly<Record<string, string>> = {
  alias: "Create an alias",
  aliases: "List available aliases",
  authenticate: "Authenticate client",
  clone: "Clone an instance",
  delete: "Delete instances and snapshots",
  "disable-zones": "Make zones unavailable",
  "enable-zones": "Make zones available",
  exec: "Run a command on an instance",
  find: "Display available images to create instances from",
  get: "Get a configuration setting",
  help: "Display help about a command",
  info: "Display information about instances",
  launch: "Create and start an Ubuntu instance",
  list: "List all available instances",
  mount: "Mount a local directory in the instance",
  networks: "List available network interfaces",
  prefer: "Switch the current alias context",
  purge: "Purge all deleted instances permanently",
  recover: "Recover deleted instances",
  restart: "Restart instances",
  restore: "Restore an instance from a snapshot",
  set: "Set a configuration setting",
  shell: "Open a shell on an instance",
  snapshot: "Take a snapshot of an instance",
  start: "Start instances",
  stop: "Stop running instances",
  suspend: "Suspend running instances",
  transfer: "Transfer files between the host and instances",
  umount: "Unmount a directory from an instance",
  unalias: "Remove aliases",
  version: "Show version details",
  "wait-ready": "Wait for Multipass to be ready",
  zones: "List all availability zones",
};

const OPTIONS = `Options:
  -h, --help     Displays help on commandline options
  -v, --verbose  Increase logging verbosity. Repeat the 'v' in the short option
                 for more detail. Maximum verbosity is obtained with 4 (or more)
                 v's, i.e. -vvvv.
`;

/** Makes of Berth's program the one that answers as Multipass. */
export function asMultipass(berth: Command): Command {
  const program = new Command("multipass");
  program.copyInheritedSettings(berth);
  program
    .description("Create, control and connect to Ubuntu instances.")
    .helpOption("-h, --help", "Displays help on commandline options")
    .helpCommand(false)
    .configureHelp({ formatHelp });
  for (const name of Object.keys(SUMMARIES)) {
    const command = berth.commands.find((one) => one.name() === name);
    if (command) program.addCommand(command.summary(SUMMARIES[name] ?? "").configureHelp({ formatHelp }));
  }
  program
    .command("help")
    .summary(SUMMARIES["help"] ?? "")
    .argument("[command]", "Name of command to display help for")
    .action((name: string | undefined) => {
      const command = program.commands.find(
        (one) => one.name() === name || one.aliases().includes(name ?? ""),
      );
      if (name !== undefined && !command)
        program.error(`Error: Unknown command '${name}' (try "multipass help")`);
      (command ?? program).outputHelp();
    });
  return program;
}

function formatHelp(command: Command, help: Help): string {
  if (!command.parent) return topHelp(command);
  const rows = (items: readonly (readonly [string, string])[]) => listed(items, 40);
  const { options } = command;
  const own = options.filter((one) => !one.hidden && one.long !== "--verbose");
  const aliases = command.registeredArguments.map((one) => [one.name(), one.description] as const);
  return [
    `Usage: multipass ${command.name()} [options] ${command.registeredArguments.map((one) => help.argumentTerm(one)).join(" ")}`.trimEnd(),
    `${command.summary()}`,
    "",
    "Options:",
    rows([
      ["-h, --help", "Displays help on commandline options"],
      ["-v, --verbose", "Increase logging verbosity. Repeat the 'v' in the short option for more detail."],
      ...own.map((one) => [one.flags, one.description] as const),
    ]).trimEnd(),
    ...(aliases.length > 0 ? ["", "Arguments:", rows(aliases).trimEnd()] : []),
    "",
  ].join("\n");
}

function topHelp(program: Command): string {
  const rows = program.commands
    .map((one) => [one.name(), one.summary()] as const)
    .sort(([a], [b]) => a.localeCompare(b));
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const commands = rows.map(([name, summary]) => `  ${name.padEnd(width)}${summary}\n`).join("");
  const about = `Create, control and connect to Ubuntu instances.\n\nThis is a command line utility for multipass, a\nservice that manages Ubuntu instances.\n`;
  return `Usage: multipass [options] <command>\n${about}\n${OPTIONS}\nAvailable commands:\n${commands}`;
}

/** Two columns, the right one wrapped at 80. */
function listed(items: readonly (readonly [string, string])[], column: number): string {
  return items
    .map(([left, right]) => {
      const [first = "", ...rest] = wrapped(right, 80 - column);
      const head = `  ${left}`.padEnd(column);
      return [
        head.length > column ? `${head}\n${" ".repeat(column)}${first}` : head + first,
        ...rest.map((line) => " ".repeat(column) + line),
      ]
        .map((line) => `${line.trimEnd()}\n`)
        .join("");
    })
    .join("");
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1) ?? "";
    if (last && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

/** Multipass says only the reason: `cannot start web: instance "web" does not exist` is the latter half there. */
export function multipassMessage({ code, message, hint }: EngineError): string {
  const reason = /^cannot [^:]*?: (.*)$/s.exec(message)?.[1] ?? message;
  const name = /^cannot \S+ ([A-Za-z0-9-]+):/.exec(message)?.[1];
  if (reason === "it is deleted" && name)
    return `Instance '${name}' is deleted. Use 'recover' to recover it first.`;
  if (reason === "it is not running" && name) return `instance "${name}" is not running`;
  if (code === "wrong-state" && reason === "it is running") return runningMessage(message);
  return code === "missing-dependency" && hint ? `${reason}\n${hint}` : reason;
}

function runningMessage(message: string): string {
  const verb = /^cannot (\S+)/.exec(message)?.[1];
  if (verb === "restore") return "Multipass can only restore snapshots of stopped instances.";
  if (verb === "clone") return "Multipass can only clone stopped instances.";
  if (verb === "snapshot") return "Multipass can only take snapshots of stopped instances.";
  return "The instance is running; stop it first.";
}
