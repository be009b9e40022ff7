/** Help as Multipass prints it: Qt's layout, eighty columns, its texts. Pure. */
import { hostPlatform } from "../../base/paths.ts";
import { helpTexts } from "./help-texts.ts";
import type { HelpText } from "./help-words.ts";

const WIDTH = 80;

const VERBOSE =
  "Increase logging verbosity. Repeat the 'v' in the short option for more detail. Maximum verbosity is obtained with 4 (or more) v's, i.e. -vvvv.";

/** Those of every command; Windows asks with a question mark, too. */
function globalOptions(platform: NodeJS.Platform): [string, string][] {
  return [
    [platform === "win32" ? "-?, -h, --help" : "-h, --help", "Displays help on commandline options"],
    ["-v, --verbose", VERBOSE],
  ];
}

/** `multipass help`. `commands` are names with their summaries. */
export function generalHelp(
  commands: readonly (readonly [string, string])[],
  platform = hostPlatform(),
): string {
  const width = Math.max(...commands.map(([name]) => name.length)) + 2;
  const sorted = [...commands].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    "Usage: multipass [options] <command>",
    "Create, control and connect to Ubuntu instances.",
    "",
    "This is a command line utility for multipass, a",
    "service that manages Ubuntu instances.",
    "",
    "Options:",
    ...listed(globalOptions(platform)),
    "",
    "Available commands:",
    ...sorted.map(([name, summary]) => `  ${name.padEnd(width)}${summary}`),
    "",
  ].join("\n");
}

/** `multipass help <command>`; undefined where Multipass has no such command. */
export function commandHelp(name: string, primary: string, platform = hostPlatform()): string | undefined {
  const text = helpTexts(primary)[name];
  return text && helpOf(name, text, platform);
}

function helpOf(name: string, text: HelpText, platform: NodeJS.Platform): string {
  const { usage, about, options = [], arguments: named = [] } = text;
  const all = [...globalOptions(platform), ...options];
  const column = columnOf([...all, ...named]);
  return [
    `Usage: multipass ${name} [options] ${usage}`.trimEnd(),
    about,
    "",
    "Options:",
    ...listed(all, column),
    ...(named.length > 0 ? ["", "Arguments:", ...listed(named, column)] : []),
    "",
  ].join("\n");
}

type Rows = readonly (readonly [string, string])[];

/** Where the texts begin: two columns after the longest name. */
function columnOf(rows: Rows): number {
  return Math.max(...rows.map(([name]) => name.length)) + 4;
}

function listed(rows: Rows, column = columnOf(rows)): string[] {
  return rows.flatMap(([name, text]) =>
    text
      .split("\n")
      .flatMap((line) => wrapped(line, WIDTH - column))
      .map((line, at) => `${at === 0 ? `  ${name}`.padEnd(column) : " ".repeat(column)}${line}`.trimEnd()),
  );
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)?.[0] ?? "";
  for (const word of text.trim().split(" ")) {
    const next = line.trim() === "" ? line + word : `${line} ${word}`;
    if (next.length > width && line.trim() !== "") {
      lines.push(line);
      line = word;
    } else line = next;
  }
  return [...lines, line];
}
