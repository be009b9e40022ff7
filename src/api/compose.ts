/** Compose projects: containers that were made together from files, by the compose of their runtime. */
import * as z from "zod";
import { ContainerRuntime } from "./container.ts";
import { ForeignContainer } from "./foreign-container.ts";

/** As compose itself accepts it. */
const ProjectName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, { error: "letters, digits and _.- are needed" });
const HostPath = z.string().min(1).max(4096).describe("A path of the engine's host; absolute");

export const ComposeProject = z.object({
  runtime: ContainerRuntime.describe("Where it is"),
  name: z.string(),
  directory: z.string().optional().describe("Where it was brought up, as far as its containers tell"),
  files: z.array(z.string()).describe("What it was made from, as far as its containers tell"),
  containers: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      service: z.string().describe("What its files call it"),
      image: z.string(),
      state: ForeignContainer.shape.state,
    }),
  ),
});
export type ComposeProject = z.infer<typeof ComposeProject>;

/** Whose compose is to do what. One that is there is known by its name; else its directory or files are needed. */
export const ComposeRun = z.strictObject({
  verb: z.enum(["up", "down"]).describe("down: stops and removes its containers; its volumes stay"),
  project: ProjectName.optional().describe("That of its directory when left out"),
  directory: HostPath.optional().describe("Where its files are; that of the first file when left out"),
  files: z.array(HostPath).max(50).optional().describe("Compose finds them in the directory when left out"),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .optional()
    .describe("What its files may read, beside the engine's own environment"),
  runtime: ContainerRuntime.optional().describe("That which has it, or the first that runs, when left out"),
});
export type ComposeRun = z.infer<typeof ComposeRun>;
