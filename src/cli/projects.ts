/** projects: what instances belong to, and what those of one may have together. */
import { type Command, InvalidArgumentError } from "commander";
import type { Project, ProjectLimits } from "../api/access.ts";
import { formatBytes, parseSize } from "../base/units.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type Limits = { instances?: number; cpus?: number; memory?: number; disk?: number; networks?: number };

export function addProjectsCommand(program: Command, session: Session): void {
  const projects = program.command("projects").description("Projects, what they use and what they may have");
  formatOption(projects.command("list", { isDefault: true }).alias("ls").description("List projects")).action(
    async ({ format }: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatProjects((await api.projects.list()).items, format));
    },
  );
  projects
    .command("limit")
    .description("Limit what a project may have, the trash included; what is left out has no limit")
    .argument("<name>")
    .option("--instances <number>", "how many there may be", whole)
    .option("--cpus <number>", "of all together", whole)
    .option("--memory <size>", "of all together", size)
    .option("--disk <size>", "of all disks together", size)
    .option("--networks <number>", "private networks that they are in", whole)
    .action(async (project: string, limits: Limits) => {
      const { api } = await session.client();
      await api.projects.limit({ project, limits: limitsFrom(limits) });
      session.print(`Set: ${project}`);
    });
}

function limitsFrom({ memory, disk, ...counts }: Limits): ProjectLimits {
  return {
    ...counts,
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(disk === undefined ? {} : { diskBytes: disk }),
  };
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${text} is not a whole number.`);
}

function size(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Pure. */
export function formatProjects(items: readonly Project[], format: Format): string {
  if (format === "json") return json({ projects: items });
  if (items.length === 0) return "No projects.\n";
  const of = (used: string, limit: string | undefined) =>
    limit === undefined ? used : `${used} of ${limit}`;
  const count = (used: number, limit: number | undefined) => of(String(used), limit?.toString());
  const bytes = (used: number, limit: number | undefined) =>
    of(formatBytes(used), limit === undefined ? undefined : formatBytes(limit));
  return table(
    ["Name", "Instances", "CPUs", "Memory", "Disk", "Networks"],
    items.map(({ name, limits, uses }) => [
      ...[name, count(uses.instances, limits.instances), count(uses.cpus, limits.cpus)],
      ...[bytes(uses.memoryBytes, limits.memoryBytes), bytes(uses.diskBytes, limits.diskBytes)],
      count(uses.networks, limits.networks),
    ]),
  );
}
