/** Compose projects, as the labels of their containers tell of them; and what is said to compose. Pure. */
import path from "node:path";
import type { ComposeProject, ComposeRun } from "../../../api/compose.ts";
import { composeLabel } from "./compose-labels.ts";
import type { Runtime } from "./endpoints.ts";
import { foundOf, type Listed } from "./foreign.ts";

/** In the order of their first containers. What one container of a project does not tell, another one may. */
export function composeProjects(runtime: Runtime, listed: readonly Listed[]): ComposeProject[] {
  const projects = new Map<string, ComposeProject>();
  for (const container of listed) {
    const label = (key: string) => composeLabel(container.Labels, key);
    const name = label("project");
    if (name === undefined) continue;
    const project = projects.get(name) ?? { runtime, name, files: [], containers: [] };
    projects.set(name, project);
    const directory = label("project.working_dir");
    if (directory !== undefined && path.isAbsolute(directory)) project.directory ??= directory;
    if (project.files.length === 0) project.files = filesOf(label("project.config_files"), project.directory);
    const { id, name: own, image, state } = foundOf(runtime, container);
    project.containers.push({ id, name: own, service: label("service") ?? own, image, state });
  }
  for (const { containers } of projects.values()) containers.sort((a, b) => a.name.localeCompare(b.name));
  return [...projects.values()];
}

/** Older composes write them as they were given. */
function filesOf(text: string | undefined, directory: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .filter((file) => file !== "" && (path.isAbsolute(file) || directory !== undefined))
    .map((file) => path.resolve(directory ?? "/", file));
}

/** `program` is compose's own, with the words that lead to it. */
export function composeArgv(
  program: readonly string[],
  { verb, project, files = [] }: Pick<ComposeRun, "verb" | "project" | "files">,
): string[] {
  return [
    ...program,
    ...(project === undefined ? [] : ["--project-name", project]),
    ...files.flatMap((file) => ["--file", file]),
    ...(verb === "up" ? ["up", "--detach"] : ["down"]),
  ];
}
