/** hosts: names of instances for the programs of this host. */
import { lstat, readFile, stat } from "node:fs/promises";
import { type Command, Option } from "commander";
import { writeFileDurable } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { hostsFile, hostsLines, withNames, withoutNames } from "./hosts-file.ts";
import { confirm } from "./question.ts";
import type { Session } from "./session.ts";

type Options = { install?: boolean; remove?: boolean; from?: string; file?: string; yes?: boolean };

export function addHostsCommand(program: Command, session: Session): void {
  program
    .command("hosts")
    .description("Names of instances for this host: NAME.berth, at a loopback address of its own each")
    .option("--install", "put them into the hosts file; needs the right to write it")
    .addOption(new Option("--remove", "take them out of it again").conflicts("install"))
    .option("--from <file>", "with --install: take the lines from there, - for standard input")
    .option("--file <file>", "another file than the system's")
    .option("-y, --yes", "do not ask")
    .action((options: Options) => hosts(session, options));
}

async function hosts(session: Session, options: Options): Promise<void> {
  const { install, remove, from } = options;
  if (from !== undefined && !install) {
    throw new EngineError("invalid-argument", "--from goes with --install only");
  }
  const file = options.file ?? hostsFile(hostPlatform(), process.env);
  if (remove) return change(session, file, options, withoutNames, "Remove Berth's names from");
  const lines = from === undefined ? await linesOfEngine(session) : parseLines(await textFrom(session, from));
  if (!install) return session.print(lines.join("\n"));
  await change(session, file, options, (text) => withNames(text, lines), "Put the instances' names into");
}

/**
 * All but those in the trash: their addresses stay what they are, so that one that is started later is there already.
 * Containers have addresses of their runtime's, which come and go.
 */
async function linesOfEngine(session: Session): Promise<string[]> {
  const { api } = await session.client();
  const { items } = await api.instances.list();
  const named = items.filter(({ container }) => !container);
  return hostsLines(named.filter(({ state }) => state !== "deleted" && state !== "failed"));
}

async function textFrom(session: Session, from: string): Promise<string> {
  if (from !== "-") return readFile(from, "utf8");
  let text = "";
  for await (const chunk of session.io.stdin) text += String(chunk);
  return text;
}

/** Only lines that we would have written: this may run with more rights than whoever wrote them has. */
export function parseLines(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  const bad = lines.find((line) => !/^127(\.\d{1,3}){3} [A-Za-z][A-Za-z0-9-]{0,62}\.berth$/.test(line));
  if (bad === undefined) return lines;
  throw new EngineError(
    "invalid-argument",
    `cannot take the line ${JSON.stringify(bad)}: it is not from berth hosts`,
  );
}

async function change(
  session: Session,
  file: string,
  { yes }: Options,
  edit: (text: string) => string,
  question: string,
): Promise<void> {
  const before = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw cannotWrite(file, error);
  });
  const after = edit(before);
  if (after === before) return session.print(`Nothing to change in ${file}.`);
  if (!yes && !(await confirm(session, `${question} ${file}?`, { fallback: false }))) {
    throw new EngineError("cancelled", `${file} was not changed`, {
      hint: "Say --yes where nobody can be asked.",
    });
  }
  try {
    // A link is followed by whoever reads it, so it must not be replaced by a file.
    if ((await lstat(file).catch(() => undefined))?.isSymbolicLink()) throw new Error("it is a link");
    const mode = (await stat(file).catch(() => ({ mode: 0o644 }))).mode & 0o777;
    await writeFileDurable(file, after, mode);
  } catch (error) {
    throw cannotWrite(file, error as NodeJS.ErrnoException);
  }
  session.print(`Changed: ${file}`);
}

function cannotWrite(file: string, error: NodeJS.ErrnoException): EngineError {
  const denied = error.code === "EACCES" || error.code === "EPERM";
  const command = `"${process.execPath}" "${__filename}" hosts`;
  const hint =
    hostPlatform() === "win32"
      ? "Run it in a terminal of the administrator."
      : `As root, without an engine of root's own: berth hosts | sudo ${command} --install --yes --from - (or --remove --yes)`;
  const reason = denied ? "you may not write it" : error.message;
  return new EngineError(denied ? "permission-denied" : "driver-failed", `cannot change ${file}: ${reason}`, {
    ...(denied ? { hint } : {}),
    cause: error,
  });
}
