import * as z from "zod";
import { NAME_PATTERN, NAME_RULE } from "./names.ts";
import { TIME_OF_DAY, TIME_RULE } from "./time-of-day.ts";

/** Repositories are named as instances are. */
export const RepositoryName = z
  .string()
  .regex(NAME_PATTERN, { error: `Invalid repository name supplied. ${NAME_RULE}` });

const Text = z.string().min(1).max(4096);
const Pem = z.string().min(1).max(1_000_000);

/** What a place asks for beside its address; kept sealed by the engine's key. */
export const PlaceAccess = z.strictObject({
  password: Text.optional().describe("Of the user of a REST server"),
  accessKeyId: Text.optional().describe("Of S3, as the next three"),
  secretAccessKey: Text.optional(),
  sessionToken: Text.optional(),
  region: Text.optional(),
  ca: Pem.optional().describe(
    "Certificates of authorities (PEM) to trust, besides those of the engine's host",
  ),
  fingerprint: Text.optional().describe(
    "SHA-256 of the server's own certificate; then nothing else of it counts",
  ),
});
export type PlaceAccess = z.infer<typeof PlaceAccess>;

export const NewRepository = z.strictObject({
  name: RepositoryName,
  place: Text.describe(
    "A folder's whole path, sftp:me@host:/path, rest:https://host:8000/path, s3:host/bucket/path",
  ),
  init: z.boolean().default(false).describe("Make it: there must be none yet. Otherwise there must be one"),
  password: Text.optional().describe("Opens it; left out, one is drawn for a repository that is made"),
  access: PlaceAccess.default({}),
});
export type NewRepository = z.input<typeof NewRepository>;

/** A backup repository that the engine knows: in restic's format, in a place of the user's. */
export const BackupRepository = z.object({
  name: z.string(),
  place: z.string().describe("As restic writes it, without what opens it"),
  id: z.string().describe("Its own, the same wherever it is copied to"),
  createdAt: z.iso.datetime().describe("When the engine came to know it"),
});
export type BackupRepository = z.infer<typeof BackupRepository>;

/** A password that opens a repository. */
export const RepositoryKey = z.object({
  id: z.string(),
  createdAt: z.string().describe("As whoever made it says"),
  madeBy: z.string().describe("User and host, as they say"),
  isOwn: z.boolean().describe("The one that the engine has"),
});
export type RepositoryKey = z.infer<typeof RepositoryKey>;

/**
 * `frozen`: the guest had put its filesystems in order for it. `crash`: as if its plug had been pulled. `paused`: the
 * same, of a guest that was halted before. `offline`: it did not run. `live`: read file by file while it ran, not all of it
 * at one moment.
 */
export const BackupConsistency = z.enum(["frozen", "crash", "paused", "offline", "live"]);
export type BackupConsistency = z.infer<typeof BackupConsistency>;

/** What an instance was at a moment: its definition, and its disks or its files. */
export const Backup = z.object({
  id: z.string().describe("As restic shows it"),
  repository: z.string().describe("Name of the repository"),
  instance: z.object({
    id: z.uuid(),
    kind: z.enum(["vm", "container"]),
    name: z.string().describe("What it was called then"),
    project: z.string().optional().describe("That it belonged to then; the default one where left out"),
  }),
  at: z.iso.datetime().describe("What it holds was so then"),
  consistency: BackupConsistency,
  sizeBytes: z.int().describe("Of what it holds, whole"),
  addedBytes: z.int().describe("By which it has made the repository larger"),
  isProtected: z.boolean().describe("It stays until that is taken from it"),
  drilledAt: z.iso.datetime().optional().describe("When it was last restored and booted to prove it"),
});
export type Backup = z.infer<typeof Backup>;

/**
 * Where an instance that shows the files of a backup has them: a directory for each file system, by the name of its device,
 * and `root`, where there is the root of a machine, with what belongs beneath it.
 */
export const BACKUP_FILES = "/run/berth-backup";

const Kept = z.int().min(0).max(10_000).optional();

/**
 * Which backups of an instance stay when old ones are forgotten: the last so many, and the last one of so many hours,
 * days, weeks (which begin on Monday), months and years in which there is any. What none of these keeps is forgotten.
 */
export const Retention = z
  .object({
    last: Kept,
    hourly: Kept,
    daily: Kept,
    weekly: Kept,
    monthly: Kept,
    yearly: Kept,
  })
  .refine((rules) => Object.values(rules).some((kept) => (kept ?? 0) > 0), {
    error: "At least one rule has to keep something.",
  });
export type Retention = z.infer<typeof Retention>;

/** `HH:MM`, by the clock of the engine's host. */
export const TimeOfDay = z.string().regex(TIME_OF_DAY, { error: TIME_RULE });

/** When an instance is backed up by itself. What was missed, as in a night asleep, is made up for once. */
export const Schedule = z.discriminatedUnion("every", [
  z.object({ every: z.literal("hour"), minute: z.int().min(0).max(59) }),
  z.object({ every: z.literal("day"), at: TimeOfDay }),
  z.object({
    every: z.literal("week"),
    at: TimeOfDay,
    weekday: z.int().min(1).max(7).describe("1 is Monday"),
  }),
  z.object({
    ...{ every: z.literal("month"), at: TimeOfDay },
    day: z.int().min(1).max(31).describe("The month's last day, where it has fewer"),
  }),
]);
export type Schedule = z.infer<typeof Schedule>;

/** How an instance is backed up by itself, and which of these backups stay. */
export const NewBackupPlan = z.object({
  repository: z.string().min(1).max(255).optional().describe("Left out, the only one there is"),
  schedule: Schedule,
  retention: Retention.optional().describe("Left out, all stay"),
});
export type NewBackupPlan = z.input<typeof NewBackupPlan>;

export const BackupPlan = z.object({
  instance: z.string(),
  repository: z.string(),
  schedule: Schedule,
  retention: Retention.optional(),
  lastAt: z.iso.datetime().optional().describe("When the last one began that came to a good end"),
  nextAt: z.iso.datetime(),
  problem: z.string().optional().describe("Why the last attempt failed"),
});
export type BackupPlan = z.infer<typeof BackupPlan>;
