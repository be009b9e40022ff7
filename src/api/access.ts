/** Who may do what: privileges, the roles that hold them, grants on paths, and those who are granted. */
import * as z from "zod";

/** What a caller may be allowed to do. Each procedure and each byte stream needs exactly one of them. */
export const Privilege = z.enum([
  "system.view",
  "system.config",
  "access.admin",
  "access.delegate",
  "audit.read",
  "project.view",
  "project.edit",
  "secret.use",
  "secret.reveal",
  "instance.view",
  "instance.metrics",
  "instance.console",
  "instance.exec",
  "instance.files.read",
  "instance.files.write",
  "instance.forward",
  "instance.power",
  "instance.create",
  "instance.delete",
  "instance.config",
  "instance.clone",
  "instance.migrate",
  "snapshot.create",
  "snapshot.rollback",
  "snapshot.delete",
  "repository.view",
  "repository.create",
  "repository.key",
  "backup.create",
  "backup.verify",
  "backup.restore",
  "backup.prune",
  "network.use",
  "network.edit",
  "image.use",
  "image.add",
  "host.mount",
  "host.device",
  "host.bridge",
  "host.publish",
  "qemu.raw",
  "container.privileged",
]);
export type Privilege = z.infer<typeof Privilege>;

/** Those that equal the rights of the engine's own user on its host. */
export const HOST_PRIVILEGES = [
  "host.mount",
  "host.device",
  "host.bridge",
  "host.publish",
  "qemu.raw",
  "container.privileged",
] as const satisfies readonly Privilege[];
export type HostPrivilege = (typeof HOST_PRIVILEGES)[number];

const NAME_RULE = "letters, digits and ._@- are needed, at most 64, a letter or a digit first";

/** Of a user, a group or a token. */
export const AccessName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/, { error: NAME_RULE });

/** Without a dot: what has one is a privilege. */
export const RoleName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, {
  error: "small letters, digits and - are needed, a letter first",
});

export const ProjectName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, {
  error: "small letters, digits and - are needed, a letter first",
});

/** The one that an instance belongs to where none is named. */
export const DEFAULT_PROJECT = "default";

const STEP = "[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}";
const PATH = new RegExp(
  `^/(?:(?:system|access|images|repositories(?:/${STEP})?|projects(?:/${STEP}(?:/(?:instances|volumes|networks)(?:/${STEP})?)?)?))?$`,
);

export const AccessPath = z
  .string()
  .max(400)
  .regex(PATH, {
    error:
      "one of /, /system, /access, /images, /repositories/NAME, /projects/NAME, /projects/NAME/instances/NAME",
  })
  .describe("What it is granted on, with all that lies beneath it");

const What = z.union([RoleName, Privilege]).describe("A role, or a single privilege");

/** What somebody may do on a path and beneath it, or, denied, may not whatever else is granted. */
export const Grant = z.object({ path: AccessPath, may: What, deny: z.boolean().default(false) });
export type Grant = z.infer<typeof Grant>;

export const Grantee = z.object({ kind: z.enum(["user", "group"]), name: AccessName });
export type Grantee = z.infer<typeof Grantee>;

export const KeptGrant = Grant.extend({ to: Grantee });
export type KeptGrant = z.infer<typeof KeptGrant>;

export const AccessRole = z.object({
  name: RoleName,
  privileges: z.array(Privilege),
  builtIn: z.boolean(),
});
export type AccessRole = z.infer<typeof AccessRole>;

export const AccessUser = z.object({
  name: AccessName,
  groups: z.array(z.string()).describe("That the user is a member of"),
  createdAt: z.iso.datetime(),
});
export type AccessUser = z.infer<typeof AccessUser>;

export const AccessGroup = z.object({ name: AccessName, members: z.array(AccessName) });
export type AccessGroup = z.infer<typeof AccessGroup>;

/** What stands for a user in a program. The secret itself is told once, when it is made. */
export const ApiToken = z.object({
  id: z.string(),
  name: AccessName,
  user: z.string(),
  limit: z.array(Grant).optional().describe("What it may at most; absent: all that its user may"),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type ApiToken = z.infer<typeof ApiToken>;

/** A year, at most. */
export const LONGEST_TOKEN_DAYS = 366;

export const NewToken = z.object({
  name: AccessName.describe("What it is for"),
  user: AccessName.optional().describe("Whose; one's own when left out"),
  limit: z
    .array(Grant)
    .max(100)
    .optional()
    .describe("What it may at most; all that its user may when left out"),
  days: z.int().min(1).max(LONGEST_TOKEN_DAYS).default(30).describe("How long it is good"),
});
export type NewToken = z.input<typeof NewToken>;

/** What the instances of a project may have together, those in the trash included. What is left out has no limit. */
export const ProjectLimits = z.strictObject({
  instances: z.int().min(0).optional(),
  cpus: z.int().min(0).optional(),
  memoryBytes: z.int().min(0).optional(),
  diskBytes: z
    .int()
    .min(0)
    .optional()
    .describe("Of their disks as the guests see them; snapshots do not count"),
  networks: z.int().min(0).optional().describe("Private networks that they are in"),
});
export type ProjectLimits = z.infer<typeof ProjectLimits>;

export const ProjectUses = z.object({
  instances: z.int(),
  cpus: z.int(),
  memoryBytes: z.int(),
  diskBytes: z.int(),
  networks: z.int(),
});
export type ProjectUses = z.infer<typeof ProjectUses>;

/** A project is there as soon as an instance or a limit names it. */
export const Project = z.object({ name: ProjectName, limits: ProjectLimits, uses: ProjectUses });
export type Project = z.infer<typeof Project>;

/** Who the engine takes the caller for, and what that one may do. */
export const Myself = z.object({
  name: z.string(),
  owner: z.boolean().describe("The engine's own user, who may do everything"),
  groups: z.array(z.string()),
  grants: z.array(Grant),
  limit: z.array(Grant).optional().describe("What the token in use may at most"),
});
export type Myself = z.infer<typeof Myself>;
