/** The table of rows that test/vm/multipass-table.test.ts runs has every command, alias, option and format. */
import type { Command, Option } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../../src/cli/all-verbs.ts";
import { Session } from "../../../src/cli/session.ts";
import { FORMATS, type Row } from "../../support/multipass/row.ts";
import { LAUNCH, ROWS_RUNNING } from "../../support/multipass/rows-running.ts";
import { ROWS_STOPPED } from "../../support/multipass/rows-stopped.ts";
import { ROWS_WITHOUT } from "../../support/multipass/rows-without.ts";

const ROWS: readonly Row[] = [...ROWS_WITHOUT, ...LAUNCH, ...ROWS_RUNNING, ...ROWS_STOPPED];
const program = createProgram(new Session(process, "multipass"));

/** The commands of reference §1.1. */
const COMMANDS =
  "alias aliases authenticate clone delete disable-zones enable-zones exec find get help info launch list mount networks prefer purge recover restart restore set shell snapshot start stop suspend transfer umount unalias version wait-ready zones";
const ALIASES = "auth connect copy-files ls sh unmount";

test("there is every command of Multipass, under every name", () => {
  expect(program.commands.map((one) => one.name()).sort()).toEqual(COMMANDS.split(" "));
  expect(program.commands.flatMap((one) => one.aliases()).sort()).toEqual(ALIASES.split(" "));
});

/** What stands on the command line before `--`. */
function words({ args }: Row): string[] {
  const end = args.indexOf("--");
  return (end < 0 ? [...args] : args.slice(0, end)).map((word) => word.replace(/^(--[a-z-]+)=.*$/, "$1"));
}

const rowsOf = (command: Command) =>
  ROWS.filter(({ args: [first = ""] }) => [command.name(), ...command.aliases()].includes(first));

/** Both ways to write an option, but for what every command takes. */
function flags({ long, short }: Option): string[] {
  return long === "--verbose" ? [] : [long, short].flatMap((flag) => flag ?? []);
}

test.each(program.commands.map((one) => [one.name(), one] as const))("%s has its rows", (_name, command) => {
  const rows = rowsOf(command);
  for (const name of [command.name(), ...command.aliases()])
    expect(
      rows.some(({ args }) => args[0] === name),
      name,
    ).toBe(true);
  expect(
    rows.some(({ code = 0 }) => code === 0),
    "one that succeeds",
  ).toBe(true);
  const written = new Set(rows.flatMap(words));
  expect(command.options.flatMap(flags).filter((flag) => !written.has(flag))).toEqual([]);
  if (!command.options.some((one) => one.long === "--format")) return;
  const formats = rows.flatMap(({ args }) => args[args.indexOf("--format") + 1] ?? []);
  expect(FORMATS.filter((format) => !formats.includes(format))).toEqual([]);
});

test("what every command takes has rows, too", () => {
  const written = new Set(ROWS.flatMap(words));
  for (const flag of ["-h", "--help", "-v", "-vv", "-vvv", "-vvvv", "--verbose", "-V", "--version"])
    expect(written.has(flag), flag).toBe(true);
});

test("every exit code of Multipass is met but 3 and 4, which stand for faults of its own daemon", () => {
  const codes = new Set(ROWS.map(({ code = 0 }) => code));
  for (const code of [0, 1, 2, 5, 33, 42, 127]) expect(codes.has(code), String(code)).toBe(true);
});
