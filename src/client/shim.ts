/** Scripts that run the bundled CLI with a given Node, which may be an editor that runs as Node when told to. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileDurable } from "../base/durable.ts";

/** Stands in every script of ours, so that no other program's file of that name is touched. */
export const SHIM_MARK = "berth-shim";

export type ShimInputs = {
  execPath: string;
  cli: string;
  /** What the command is called, and answers as; `berth` when left out. */
  name?: "berth" | "multipass";
};

/** The scripts by file name; both are written everywhere, since Windows has POSIX shells too. Pure. */
export function shimScripts({ execPath, cli, name = "berth" }: ShimInputs): Record<string, string> {
  const sh = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const cmd = (text: string) => `"${text.replaceAll("%", "%%")}"`;
  return {
    [name]: `#!/bin/sh\n# ${SHIM_MARK}\nBERTH_COMMAND_NAME=${name} ELECTRON_RUN_AS_NODE=1 exec ${sh(execPath)} ${sh(cli)} "$@"\n`,
    [`${name}.cmd`]: `@echo off\r\nrem ${SHIM_MARK}\r\nsetlocal\r\nset BERTH_COMMAND_NAME=${name}\r\nset ELECTRON_RUN_AS_NODE=1\r\n${cmd(execPath)} ${cmd(cli)} %*\r\n`,
  };
}

/** The scripts that run one alias: `berth <alias> -- <arguments>`. Pure. */
export function aliasScripts(inputs: ShimInputs, alias: string): Record<string, string> {
  const { name = "berth" } = inputs;
  const scripts = shimScripts(inputs);
  return {
    [alias]: (scripts[name] ?? "").replace(' "$@"\n', ` ${alias} -- "$@"\n`),
    [`${alias}.cmd`]: (scripts[`${name}.cmd`] ?? "").replace(" %*\r\n", ` ${alias} -- %*\r\n`),
  };
}

/** Writes the scripts into `directory` where they differ from what is there. */
export async function writeShims(directory: string, inputs: ShimInputs): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(shimScripts(inputs))) {
    const file = path.join(directory, name);
    const present = await readFile(file, "utf8").catch(() => undefined);
    if (present === text) continue;
    await writeFileDurable(file, text, 0o755);
  }
}
