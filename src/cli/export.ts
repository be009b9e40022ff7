/** export: a VM as one file, or the file system of a container as a tar. */
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { type Command, Option } from "commander";
import type { ExportOpen } from "../api/streams.ts";
import { streamFileDurable } from "../base/durable.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { wholeOf } from "../client/carry.ts";
import { newPassphrase } from "./question.ts";
import type { Session } from "./session.ts";

/** In the place of a file: this process's own input or output. */
export const PIPE = "-";

type Options = { encrypt?: boolean; passphraseFile?: string; plain?: boolean };

export function addExportCommand(program: Command, session: Session): void {
  program
    .command("export")
    .description("Write a VM to one file, or the file system of a container to a tar, whether it runs or not")
    .argument("<name>", "the instance")
    .argument("<file>", "- for standard output")
    .option("--encrypt", "a VM: encrypt the file by a passphrase, which is asked for")
    .option("--passphrase-file <file>", "take the passphrase from its first line, - for standard input")
    .addOption(
      new Option("--plain", "an encrypted VM: leave the file readable for whoever has it").conflicts([
        "encrypt",
        "passphraseFile",
      ]),
    )
    .addHelpText(
      "after",
      "\nOf a container, what is in volumes and mounts is no part of it. The file is there when it is whole.",
    )
    .action((name: string, file: string, options: Options) => exportTo(session, name, file, options));
}

async function exportTo(session: Session, name: string, file: string, options: Options): Promise<void> {
  const { signal } = session;
  const { stdout } = session.io;
  if (file === PIPE && stdout.isTTY) throw noTerminal(`export ${name} to a terminal`, "Name a file.");
  const open = await openOf(session, options);
  const client = await session.client();
  const row = session.track(name);
  try {
    const work = await client.export(name, open, { signal });
    const whole = wholeOf(work, (done) => row.show({ phase: "export", done }));
    if (file === PIPE) await pipeline(whole, stdout, { end: false, signal });
    else await streamFileDurable(path.resolve(file), whole, signal);
  } catch (error) {
    throw toEngineError(error, `export ${name}`);
  } finally {
    row.end();
  }
  if (file !== PIPE) session.print(`Exported: ${name} to ${file}`);
}

async function openOf(session: Session, options: Options): Promise<ExportOpen> {
  const { encrypt = false, passphraseFile, plain = false } = options;
  if (plain) return { plain };
  if (!encrypt && passphraseFile === undefined) return {};
  return { passphrase: await newPassphrase(session, passphraseFile, "encrypt the file") };
}

export function noTerminal(doing: string, hint: string): EngineError {
  return new EngineError("invalid-argument", `cannot ${doing}`, { hint });
}
