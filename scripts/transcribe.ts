/** Runs commands as a user types them, and writes what was said to a file of the documents. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Berth } from "../test/support/berth.ts";

/** A title, a command's words, or those with what is typed into it. */
export type Step = string | { title: string } | { line: string; typed: string };

export type Terminal = {
  berth: Berth;
  /** What the command is called. */
  name: string;
  /** Where it runs; said to be the user's home. */
  directory: string;
};

const DOCS = path.resolve(import.meta.dirname, "../docs");

/** What was said at each step. */
export async function transcribe(terminal: Terminal, steps: readonly Step[]): Promise<string[]> {
  const said: string[] = [];
  for (const step of steps) {
    if (typeof step === "string") said.push(await told(terminal, step));
    else if ("title" in step) said.push(`## ${step.title}\n`);
    else said.push(await told(terminal, step.line, step.typed));
  }
  return said;
}

/** `name` is the file's, in `docs/`. */
export async function writeTranscript(
  name: string,
  heading: readonly string[],
  said: readonly string[],
): Promise<void> {
  const file = path.join(DOCS, name);
  await writeFile(file, `${heading.join("\n")}\n\n${said.join("\n")}`);
  console.log(`written: ${path.relative(process.cwd(), file)}`);
}

/** One command as a terminal shows it; what it says of its progress is left out, as it differs from run to run. */
async function told({ berth, name, directory }: Terminal, line: string, typed = ""): Promise<string> {
  const options = { cwd: directory, timeoutMs: 1_800_000, ...(typed === "" ? {} : { input: typed }) };
  const { code, stdout, stderr } = await berth.run(wordsOf(line), options);
  const failure =
    code === 0
      ? ""
      : stderr
          .split("\n")
          .filter((one) => !/^[\w-]+: [A-Z]/.test(one))
          .join("\n");
  const text = (stdout + failure).replaceAll(directory, "/home/user").replaceAll(berth.home, "/home/user");
  const said = `$ ${name} ${line}\n${typed.replace(/^(?=.)/gm, "> ")}${text}`;
  console.log(said);
  return `\`\`\`\n${said}${code === 0 ? "" : `(exit code ${code})\n`}\`\`\`\n`;
}

/** As a shell takes them apart, as far as there are single quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}
