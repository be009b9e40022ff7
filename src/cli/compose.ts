/** compose: projects of Docker's or Podman's own compose, listed and brought up and down by that. */
import path from "node:path";
import type { Command } from "commander";
import type { ComposeProject, ComposeRun } from "../api/compose.ts";
import type { ContainerRuntime } from "../api/container.ts";
import { parseEnv } from "../client/container-text.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption, repeated, runtimeOption } from "./options.ts";
import type { Session } from "./session.ts";
import { showOutput } from "./show-output.ts";

type At = { runtime?: ContainerRuntime };
type RunOptions = At & { directory?: string; file?: string[]; env?: string[] };

export function addComposeCommands(program: Command, session: Session): void {
  const compose = program.command("compose").description("Compose projects of Docker or Podman");
  runtimeOption(formatOption(compose.command("list")))
    .description("List the projects on this host, whoever brought them up")
    .action(async ({ format, runtime }: At & { format: Format }) => {
      const { api } = await session.client();
      const { items } = await api.composeProjects.list(runtime === undefined ? {} : { runtime });
      session.print(formatComposeProjects(items, format));
    });
  addRun(compose, session, "up", "Make the containers of a project, and start them");
  addRun(compose, session, "down", "Stop and remove the containers of a project; its volumes stay");
}

function addRun(compose: Command, session: Session, verb: ComposeRun["verb"], description: string): void {
  runtimeOption(compose.command(verb))
    .description(`${description}, by the runtime's own compose`)
    .argument("[project]", "its name (default: that of its directory)")
    .option("-C, --directory <directory>", "where its files are (default: where it was, else here)")
    .option("-f, --file <file>", "a file of it; may be given several times", repeated)
    .option(
      "-e, --env <name=value>",
      "what its files read; NAME alone takes the value that it has here",
      repeated,
    )
    .action(async (project: string | undefined, options: RunOptions) => {
      const client = await session.client();
      const run = await client.compose(composeRun(verb, project, options), { signal: session.signal });
      await showOutput(session, run, `bring ${project ?? "the project"} ${verb}`);
    });
}

/** A project that is named and nothing more is where it was brought up; else it is here. */
function composeRun(
  verb: ComposeRun["verb"],
  project: string | undefined,
  { directory, file, env, runtime }: RunOptions,
): ComposeRun {
  const here = directory ?? (project === undefined && !file ? "." : undefined);
  return {
    verb,
    ...(project === undefined ? {} : { project }),
    ...(here === undefined ? {} : { directory: path.resolve(here) }),
    ...(file ? { files: file.map((one) => path.resolve(one)) } : {}),
    ...(env ? { env: parseEnv(env, process.env) } : {}),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/** Pure. */
export function formatComposeProjects(items: readonly ComposeProject[], format: Format): string {
  if (format === "json") return json({ projects: items });
  if (items.length === 0) return "No compose projects on this host.\n";
  return table(
    ["Project", "Service", "Container", "State", "Image", "Runtime"],
    items.flatMap(({ name, runtime, containers }) =>
      containers.map((one) => [name, one.service, one.name, one.state, one.image, runtime]),
    ),
  );
}
