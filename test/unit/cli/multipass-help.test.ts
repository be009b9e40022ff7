/** Multipass's help: its layout, and that no command or option is without words. */
import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../../src/cli/all-verbs.ts";
import { commandHelp, generalHelp } from "../../../src/cli/multipass/help.ts";
import { helpTexts } from "../../../src/cli/multipass/help-texts.ts";
import { asksForHelp } from "../../../src/cli/program.ts";
import { Session } from "../../../src/cli/session.ts";

const program = createProgram(new Session(process, "multipass"));

test("general help is Multipass's", () => {
  expect(
    generalHelp(
      [
        ["stop", "Stop running instances"],
        ["alias", "Create an alias"],
      ],
      "linux",
    ),
  ).toBe(
    `Usage: multipass [options] <command>
Create, control and connect to Ubuntu instances.

This is a command line utility for multipass, a
service that manages Ubuntu instances.

Options:
  -h, --help     Displays help on commandline options
  -v, --verbose  Increase logging verbosity. Repeat the 'v' in the short option
                 for more detail. Maximum verbosity is obtained with 4 (or more)
                 v's, i.e. -vvvv.

Available commands:
  alias  Create an alias
  stop   Stop running instances
`,
  );
});

test("a command's help is Multipass's", () => {
  expect(commandHelp("stop", "primary", "linux")).toBe(`Usage: multipass stop [options] [<name> ...]
Stop the named instances. Exits with return code 0 
if successful.

Options:
  -h, --help         Displays help on commandline options
  -v, --verbose      Increase logging verbosity. Repeat the 'v' in the short
                     option for more detail. Maximum verbosity is obtained with
                     4 (or more) v's, i.e. -vvvv.
  --all              Stop all instances
  -t, --time <time>  Time from now, in minutes, to delay shutdown of the
                     instance
  -c, --cancel       Cancel a pending delayed shutdown
  --force            Force the instance to shut down immediately. Warning: This
                     could potentially corrupt a running instance, so use with
                     caution.

Arguments:
  name               Names of instances to stop. If omitted, and without the
                     --all option, 'primary' will be assumed.
`);
  expect(commandHelp("list", "primary", "win32")).toContain("  -?, -h, --help     Displays help");
  expect(commandHelp("clone", "primary", "linux")).toContain(
    `  -n, --name <destination-name>  An optional custom name for the cloned
                                 instance. The name must follow the usual
                                 validity rules (see "help launch"). Default:
                                 "<source_name>-cloneN", where N is the Nth
                                 cloned instance.
`,
  );
});

test("the primary instance is called by its name, or not at all", () => {
  expect(commandHelp("start", "main", "linux")).toContain("'main' (the configured");
  expect(commandHelp("start", "", "linux")).toContain("[options] <name> [<name> ...]\n");
  expect(commandHelp("shell", "", "linux")).toContain("[options] <name>\n");
  expect(commandHelp("launch", "", "linux")).not.toContain("''");
});

test("no line is wider than a terminal", () => {
  for (const name of Object.keys(helpTexts("primary"))) {
    const wide = commandHelp(name, "primary", "linux")
      ?.split("\n")
      .filter((line) => line.startsWith("  ") && line.length > 80);
    expect(wide, name).toEqual([]);
  }
});

/** What is shown of a command's options: the long names, or short ones where there are no long ones. */
function optionsOf(command: Command): string[] {
  return command.options
    .filter((one) => !one.hidden && one.long !== "--verbose")
    .map((one) => one.long ?? one.short ?? "");
}

test.each(program.commands.map((one) => [one.name(), one] as const))(
  "help %s knows every option, and no other",
  (name, command) => {
    const text = helpTexts("primary")[name];
    expect(text).toBeDefined();
    const told = (text?.options ?? []).flatMap(([flags]) => {
      const words = flags
        .replace(/<.*$/, "")
        .split(/[ ,]+/)
        .filter((word) => word.startsWith("-"));
      const long = words.filter((word) => word.startsWith("--"));
      return name === "snapshot" && long.includes("--comment") ? ["--comment", "-m"] : long;
    });
    expect(told.sort()).toEqual(optionsOf(command).sort());
    expect(command.summary()).not.toBe("");
  },
);

test.each([
  [["-?"], "win32", ["--help"], true],
  [["list", "-?"], "win32", ["list", "--help"], true],
  [["-?"], "linux", ["-?"], false],
  [["exec", "web", "--", "-?"], "win32", ["exec", "web", "--", "-?"], false],
  [["help", "list"], "linux", ["help", "list"], true],
  [[], "linux", [], true],
] as const)("%j on %s", (argv, platform, words, help) => {
  expect(asksForHelp(argv, platform)).toEqual({ argv: words, help });
});
