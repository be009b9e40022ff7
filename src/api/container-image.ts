/** Images of containers, as the runtimes of this host have them. */
import * as z from "zod";
import { ContainerRuntime } from "./container.ts";
import { Arch } from "./instance.ts";

export const StoredContainerImage = z.object({
  runtime: ContainerRuntime.describe("Where it is"),
  id: z.string().describe("sha256:… of its configuration"),
  references: z.array(z.string()).describe("Its names; empty where it has none"),
  digests: z.array(z.string()).describe("sha256:… of the manifests that it is known by"),
  sizeBytes: z.int(),
  createdAt: z.iso.datetime(),
  ours: z.boolean().describe("It was pulled, built or loaded by Berth"),
  inUse: z.boolean().describe("Containers stand on it, whoever made them"),
  usedBy: z
    .array(z.string())
    .describe("Names of the instances that stand on it, those in the trash included"),
});
export type StoredContainerImage = z.infer<typeof StoredContainerImage>;

/** What a build is made of. Paths are of the engine's host. */
export const ContainerBuild = z.strictObject({
  directory: z.string().min(1).max(4096).describe("What the build file may copy from; absolute"),
  file: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe("The build file, in that directory; Containerfile or Dockerfile when left out"),
  tags: z.array(z.string().min(1).max(512)).max(50).default([]),
  arguments: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(),
  target: z.string().min(1).max(255).optional().describe("The stage to stop at"),
  noCache: z.boolean().optional(),
  pull: z.boolean().optional().describe("Ask for newer images to stand on"),
  arch: Arch.optional().describe("This host's when left out"),
  runtime: ContainerRuntime.optional().describe("The first that runs on this host when left out"),
});
export type ContainerBuild = z.infer<typeof ContainerBuild>;

/** What a tar of a file system becomes. */
export const ContainerImport = z.strictObject({
  reference: z.string().min(1).max(512).describe("What the image is called: team/base:1"),
  runtime: ContainerRuntime.optional().describe("The first that runs on this host when left out"),
});
export type ContainerImport = z.infer<typeof ContainerImport>;
