/** Words for the guest's POSIX shell. Pure. */
import { EngineError } from "../../base/errors.ts";
import type { ExecRequest } from "./guest.ts";

/** One word that the shell passes on unchanged. */
export function quote(word: string): string {
  if (word.includes("\0"))
    throw new EngineError("invalid-argument", "cannot run a command: an argument holds a NUL");
  return /^[A-Za-z0-9_\-./:=@%+,]+$/.test(word) ? word : inQuotes(word);
}

function inQuotes(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

const LOGIN_SHELL = '"$' + '{SHELL:-/bin/sh}" -l';

/**
 * `undefined` stands for a plain login shell, which sshd starts by itself. A signal reaches the program although a shell
 * may stand above it: sshd sends it to the whole process group. The first word is always in quotes, for some words mean
 * something else to a shell there: `time`, `if`, `a=b`.
 */
export function commandLine(request: ExecRequest): string | undefined {
  const { argv, cwd, env } = request;
  const settings = Object.entries(env ?? {});
  if (argv?.length === 0) throw new EngineError("invalid-argument", "cannot run a command: none is given");
  if (!argv && cwd === undefined && settings.length === 0 && request.tty) return undefined;
  const change = cwd === undefined ? "" : `cd -- ${quote(cwd)} && `;
  const variables = settings.map(([name, value]) => `${checkedName(name)}=${quote(value)}`);
  const prefix = variables.length > 0 ? `env ${variables.join(" ")} ` : "";
  if (!argv) return `${change}exec ${prefix}${LOGIN_SHELL}`;
  const [program = "", ...args] = argv;
  const first = prefix === "" && quote(program) === program ? inQuotes(program) : quote(program);
  return `${change}${prefix}${[first, ...args.map(quote)].join(" ")}`;
}

function checkedName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new EngineError(
    "invalid-argument",
    `cannot run a command: ${JSON.stringify(name)} is not a variable's name`,
  );
}
