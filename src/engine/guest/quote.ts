/** Words for the guest's POSIX shell. Pure. */
import { EngineError } from "../../base/errors.ts";
import type { ExecRequest } from "./guest.ts";

/** One word that the shell passes on unchanged. */
export function quote(word: string): string {
  if (word.includes("\0"))
    throw new EngineError("invalid-argument", "cannot run a command: an argument holds a NUL");
  return /^[A-Za-z0-9_\-./:=@%+,]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `undefined` stands for a plain login shell, which sshd starts by itself. `exec` lets signals reach the program. */
export function commandLine(request: ExecRequest): string | undefined {
  const { argv, cwd, env } = request;
  const settings = Object.entries(env ?? {});
  if (argv?.length === 0) throw new EngineError("invalid-argument", "cannot run a command: none is given");
  if (!argv && cwd === undefined && settings.length === 0 && request.tty) return undefined;
  const change = cwd === undefined ? "" : `cd -- ${quote(cwd)} && `;
  const variables = settings.map(([name, value]) => `${checkedName(name)}=${quote(value)}`);
  const prefix = variables.length > 0 ? `env ${variables.join(" ")} ` : "";
  const program = argv ? argv.map(quote).join(" ") : '"$' + '{SHELL:-/bin/sh}" -l';
  return `${change}exec ${prefix}${program}`;
}

function checkedName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new EngineError(
    "invalid-argument",
    `cannot run a command: ${JSON.stringify(name)} is not a variable's name`,
  );
}
