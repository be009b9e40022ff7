/** The same verbs under the name `multipass`: only those that Multipass has, with its summaries and its help. */
import { Command } from "commander";
import manifest from "../../../package.json" with { type: "json" };
import { commandHelp, generalHelp } from "./help.ts";

/** Command → the summary that `multipass help` lists. Multipass calls one by another name: its `unmount` is an alias. */
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
  info: "Display information about instances or snapshots",
  launch: "Create and start an Ubuntu instance",
  list: "List all available instances or snapshots",
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
  "wait-ready": "Wait for the Multipass daemon to be ready",
  zones: "List all availability zones",
};

/** Makes of Berth's program the one that answers as Multipass. `primary` names the primary instance in its help. */
export function asMultipass(berth: Command, primary: string): Command {
  const program = new Command("multipass");
  program.copyInheritedSettings(berth);
  program
    .helpOption("-h, --help", "Displays help on commandline options")
    .helpCommand(false)
    .configureHelp({ formatHelp: () => generalHelp(listed(program)) });
  program.version(manifest.version, "-V, --version");
  for (const name of Object.keys(SUMMARIES)) {
    const command = berth.commands.find((one) => one.name() === name);
    if (command) program.addCommand(command);
  }
  program
    .command("help")
    .argument("[command]")
    .action((name: string | undefined) => showHelp(program, name));
  for (const command of program.commands) {
    const formatHelp = () => commandHelp(command.name(), primary) ?? "";
    command.summary(SUMMARIES[command.name()] ?? "").configureHelp({ formatHelp });
  }
  return program;
}

function listed(program: Command): [string, string][] {
  return program.commands.map((one) => [one.name(), one.summary()]);
}

function showHelp(program: Command, name: string | undefined): void {
  const command = program.commands.find((one) => one.name() === name || one.aliases().includes(name ?? ""));
  if (name !== undefined && !command) program.error(unknownCommand(name));
  (command ?? program).outputHelp();
}

export function unknownCommand(name: string): string {
  return `Error: Unknown Command '${name}' (try "multipass help")`;
}
