/** up, down and status: the instances of a `berth.yaml`. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import type { Project } from "../api/project.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { json, stateWord, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

const FILE = "berth.yaml";

type Where = { file: string };

/** Read when it is wanted: every command would wait for it. */
const works = () => import("../client/project/up.ts");

export function addProjectCommands(program: Command, session: Session): void {
  const verb = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument("[names...]", "these instances of the file only, and what they depend on")
      .option("-f, --file <file>", "the file", FILE);

  verb("up", `Make the instances of ${FILE} be and run as it says`).action(
    async (names: string[], { file }: Where) => {
      const project = await readProject(file);
      const open = { project, directory: path.dirname(file) };
      const { bringUp } = await works();
      await bringUp(session, open, known(project, names, file), (name) => session.print(`Up: ${name}`));
    },
  );
  verb("down", "Stop them, or delete them")
    .option("--delete", "move them to the trash")
    .action(async (names: string[], { file, delete: remove }: Where & { delete?: boolean }) => {
      const project = await readProject(file);
      const wanted = known(project, names, file);
      const { bringDown } = await works();
      await bringDown(session, project, wanted.length > 0 ? wanted : Object.keys(project.instances), {
        remove: remove ?? false,
        onDown: (name) => session.print(`${remove ? "Deleted" : "Down"}: ${name}`),
      });
    });
  formatOption(verb("status", "Tell how they are, and what differs from the file")).action(
    async (names: string[], { file, format }: Where & { format: "table" | "json" }) => {
      const project = await readProject(file);
      const wanted = known(project, names, file);
      const shown = wanted.length > 0 ? wanted : Object.keys(project.instances);
      await status(session, project, shown, { format, directory: path.dirname(file) });
    },
  );
}

async function readProject(file: string): Promise<Project> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    throw new EngineError("invalid-argument", `cannot read ${file}: ${messageOf(error)}`, {
      hint: `Write one, or name another with --file. Example: instances: { web: { image: "24.04" } }`,
    });
  }
  const { parseProject } = await import("../client/project/parse.ts");
  return parseProject(content, file);
}

function known({ instances }: Project, names: readonly string[], file: string): string[] {
  const unknown = names.find((name) => !Object.hasOwn(instances, name));
  if (unknown === undefined) return [...names];
  throw new EngineError("not-found", `cannot find ${unknown}: ${file} has no such instance`, {
    hint: `It has: ${Object.keys(instances).join(", ")}`,
  });
}

async function status(
  session: Session,
  project: Project,
  names: readonly string[],
  { format, directory }: { format: "table" | "json"; directory: string },
): Promise<void> {
  const [{ driftOf }, { readWritten }] = await Promise.all([import("../client/project/drift.ts"), works()]);
  const { api } = await session.client();
  const present = new Map((await api.instances.list()).items.map((one) => [one.name, one]));
  const rowOf = async (name: string) => {
    const [now, wanted] = [present.get(name), project.instances[name] ?? {}];
    const drift = driftOf(wanted, now, await readWritten(session, wanted, directory));
    return { name, state: now ? stateWord(now) : "Missing", drift };
  };
  const rows = await Promise.all(names.map(rowOf));
  if (format === "json") {
    const instances = rows.map(({ name, state, drift }) => ({
      name,
      state,
      differs: drift.map((one) => one.key),
    }));
    session.print(json({ instances }));
  } else {
    const cells = rows.map(({ name, state, drift }) => [
      name,
      state,
      drift.map((one) => one.text).join("; ") || "--",
    ]);
    session.print(table(["Name", "State", "Differs from the file"], cells));
  }
}
