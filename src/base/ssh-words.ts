/** Values of OpenSSH's configuration (ssh_config(5)). Pure. */
import { EngineError } from "./errors.ts";

/**
 * A path as an option's value, in quotes. Slashes serve on Windows too, where a backslash would be taken for an
 * escape; `%` begins an expansion of ssh's own.
 */
export function sshPath(file: string): string {
  return `"${plainPath(file).replaceAll("%", "%%")}"`;
}

/** The same for `Include`, whose value is not expanded. */
export function includePath(file: string): string {
  return `"${plainPath(file)}"`;
}

function plainPath(file: string): string {
  if (/["\r\n\0]/.test(file)) {
    throw new EngineError("invalid-argument", `cannot write ${JSON.stringify(file)} for OpenSSH`, {
      hint: "Set BERTH_HOME to a directory whose path has no quotes and no line breaks.",
    });
  }
  return /^(?:[A-Za-z]:|\\\\)/.test(file) ? file.replaceAll("\\", "/") : file;
}
