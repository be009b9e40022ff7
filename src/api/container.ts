/** What a container is made of, beside what every instance has: sizes, ports, mounts, labels. */
import * as z from "zod";

/**
 * `application`: its image's own program runs, and the container ends with it. `machine`: an init runs, and it is used
 * as a VM is.
 */
export const ContainerShape = z.enum(["application", "machine"]);
export type ContainerShape = z.infer<typeof ContainerShape>;

/** `vm`: the Podman in a VM of Berth's own, which is made when it is first needed. */
export const ContainerRuntime = z.enum(["docker", "podman", "vm"]);
export type ContainerRuntime = z.infer<typeof ContainerRuntime>;

export const RestartPolicy = z.enum(["no", "on-failure", "always", "unless-stopped"]);
export type RestartPolicy = z.infer<typeof RestartPolicy>;

const NUL = "\0";
const Word = z
  .string()
  .max(131_072)
  .refine((text) => !text.includes(NUL), "no NUL");
const Words = z.array(Word).max(1000);

/** A place in the container: absolute, and not its root. */
const Target = z
  .string()
  .max(4096)
  .regex(/^\/+[^/\0]/, { error: "an absolute path in the container is needed, and not / itself" });

const Capability = z.string().regex(/^[A-Z_]{1,40}$/, { error: "a name such as NET_ADMIN, or ALL" });

/** A volume of the runtime, made when there is none of this name; it stays when the instance is deleted. */
export const NamedVolume = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, {
    error: "letters, digits and _.- are needed, a letter or a digit first",
  }),
  target: Target,
  readOnly: z.boolean().optional(),
});
export type NamedVolume = z.infer<typeof NamedVolume>;

/** Memory that is seen as a directory; empty at every start. */
export const Tmpfs = z.strictObject({ target: Target, sizeBytes: z.int().positive().optional() });
export type Tmpfs = z.infer<typeof Tmpfs>;

/** A command that the runtime runs in the container again and again to see whether it is well. */
export const HealthCheck = z.strictObject({
  command: Words.min(1).describe("Program and arguments"),
  intervalMs: z.int().min(1000).optional().describe("30 s when left out"),
  timeoutMs: z.int().min(1000).optional().describe("30 s when left out"),
  retries: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe("How many failures in a row make it unwell; 3 when left out"),
  startPeriodMs: z.int().nonnegative().optional().describe("In which failures do not count"),
});
export type HealthCheck = z.infer<typeof HealthCheck>;

export const PidsLimit = z.int().min(1).max(4_194_304);

/** What that check says of one that runs. */
export const Health = z.enum(["starting", "healthy", "unhealthy"]);
export type Health = z.infer<typeof Health>;

export const ContainerSpec = z.strictObject({
  runtime: ContainerRuntime.optional().describe("As the setting containers.runtime says when left out"),
  shape: ContainerShape.optional().describe("What the image is made for when left out"),
  entrypoint: Words.optional().describe("In place of the image's own"),
  command: Words.optional().describe("In place of the image's own; arguments of the entry point"),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), Word).optional(),
  user: z
    .string()
    .regex(/^[^\s:\0]{1,256}(:[^\s:\0]{1,256})?$/, {
      error: "user or user:group is needed, as names or numbers",
    })
    .optional()
    .describe("Who its program runs as; the image's own when left out"),
  workdir: z.string().max(4096).startsWith("/").optional(),
  interactive: z.boolean().optional().describe("Its program's input stays open: it can be attached to"),
  tty: z.boolean().optional().describe("Its program has a terminal"),
  restart: RestartPolicy.optional().describe(
    "What the runtime does when its program has ended; no when left out",
  ),
  pidsLimit: PidsLimit.optional(),
  volumes: z.array(NamedVolume).max(100).optional(),
  tmpfs: z.array(Tmpfs).max(100).optional(),
  readOnlyRoot: z.boolean().optional(),
  capAdd: z.array(Capability).max(100).optional(),
  capDrop: z.array(Capability).max(100).optional(),
  noNewPrivileges: z
    .boolean()
    .optional()
    .describe(
      "sudo and its like give nothing; so it is with an application when left out, and not with a machine",
    ),
  privileged: z.boolean().optional().describe("It may do to this host whatever its runtime may"),
  networks: z
    .array(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/))
    .max(20)
    .optional()
    .describe("Networks of the runtime; its default one when left out"),
  health: HealthCheck.optional().describe("In place of the image's own"),
});
export type ContainerSpec = z.infer<typeof ContainerSpec>;

/** What an image is, that a container is made from. */
export const ContainerImage = z.object({
  runtime: ContainerRuntime.describe("Where it is"),
  reference: z.string().describe("What was asked for, in full: docker.io/library/nginx:1.27"),
  id: z.string().describe("sha256:… of its configuration"),
  digest: z.string().optional().describe("sha256:… of its manifest, where a registry gave it"),
  os: z.string(),
  arch: z.string(),
  sizeBytes: z.int(),
  shape: ContainerShape,
  exposedPorts: z.array(z.int()).describe("TCP ports that it says it listens at"),
});
export type ContainerImage = z.infer<typeof ContainerImage>;

/** What is shown of a container. The values of its environment may be secrets: its names alone are shown. */
export const ContainerFacts = z.object({
  ...ContainerSpec.omit({ env: true }).shape,
  env: z.array(z.string()).describe("Names, without their values"),
  image: ContainerImage.pick({ reference: true, id: true })
    .optional()
    .describe("Absent until it is on this host"),
  adopted: z.boolean().optional().describe("It was made elsewhere, and is as it was made there"),
  healthStatus: Health.optional().describe("Present while it runs and is checked"),
  paused: z.boolean().describe("Halted in memory, until it is let go on"),
});
export type ContainerFacts = z.infer<typeof ContainerFacts>;
