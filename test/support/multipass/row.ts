/** A row of the table of Multipass's surface: a command line, and how it must end. */
import { parse } from "yaml";

export type Row = {
  /** `$TMP` is a directory of this test's own. */
  args: readonly string[];
  /** 0 where left out. */
  code?: number;
  /** What standard output must be, or be like; nothing where left out and the row fails. */
  out?: string | RegExp | ((text: string) => boolean);
  err?: RegExp;
  input?: string;
  cwd?: string;
};

export const FORMATS = ["table", "json", "csv", "yaml"] as const;

/** One row for each format: a table's beginning, JSON and YAML that can be read and hold the word, CSV's header. */
export function formats(
  args: readonly string[],
  { table, csv, word }: { table: RegExp; csv: string; word: string },
): Row[] {
  const holds = (value: unknown) => JSON.stringify(value).includes(word);
  return [
    { args: [...args, "--format", "table"], out: table },
    {
      args: [...args, "--format", "json"],
      out: (text) => holds(JSON.parse(text)) && /^\{\n {4}"/.test(text),
    },
    { args: [...args, "--format", "csv"], out: (text) => text.startsWith(`${csv}\n`) && text.includes(word) },
    { args: [...args, "--format", "yaml"], out: (text) => holds(parse(text)) },
  ];
}

/** What is wrong with how a row has ended; undefined where nothing is. */
export function mismatch(
  row: Row,
  ran: { code: number | null; stdout: string; stderr: string },
): string | undefined {
  const { code = 0, out = code === 0 ? /^/ : "", err = code === 0 ? /^/ : /./ } = row;
  const fits =
    typeof out === "function"
      ? out(ran.stdout)
      : out instanceof RegExp
        ? out.test(ran.stdout)
        : out === ran.stdout;
  if (ran.code === code && fits && err.test(ran.stderr)) return undefined;
  return `multipass ${row.args.join(" ")}\n  ${JSON.stringify(ran)}\n  wanted ${code} ${out} ${err}`;
}
