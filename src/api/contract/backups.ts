/** Backups of instances, and the repositories that they lie in. */
import * as z from "zod";
import {
  Backup,
  BackupPlan,
  BackupRepository,
  NewBackupPlan,
  NewRepository,
  RepositoryKey,
} from "../backup.ts";
import { ContainerSpec } from "../container.ts";
import { Problem } from "../instance.ts";
import { InstanceName } from "../instance-name.ts";
import { Operation } from "../operation.ts";
import { ByName, List, procedure } from "./procedure.ts";

const Password = z.string().min(1).max(4096);
const HEX_ID = /^[0-9a-f]{4,64}$/;
const ID_RULE = "An id is of hexadecimal digits; its beginning is enough.";
const Named = z.string().min(1).max(255);

export const repositories = {
  list: procedure("GET", "/v1/repositories", "system.view", "*", "The backup repositories").output(
    List(BackupRepository),
  ),
  add: procedure(
    "POST",
    "/v1/repositories",
    "repository.create",
    "/repositories/{name}",
    "Make a repository, or take in one that is there",
  )
    .input(NewRepository)
    .output(Operation),
  reveal: procedure(
    "POST",
    "/v1/repositories/{name}/reveal",
    "repository.key",
    "/repositories/{name}",
    "Its password, to be kept where nobody else comes: without it no backup can be read",
  )
    .input(ByName)
    .output(z.object({ password: z.string() })),
  changePassword: procedure(
    "POST",
    "/v1/repositories/{name}/password",
    "repository.key",
    "/repositories/{name}",
    "Give it another password; the one that the engine has opens it no more",
  )
    .input(ByName.extend({ password: Password.optional().describe("Left out, one is drawn") }))
    .output(z.object({})),
  keys: procedure(
    "GET",
    "/v1/repositories/{name}/keys",
    "repository.view",
    "/repositories/{name}",
    "The passwords that open it",
  )
    .input(ByName)
    .output(List(RepositoryKey)),
  addKey: procedure(
    "POST",
    "/v1/repositories/{name}/keys",
    "repository.key",
    "/repositories/{name}",
    "Another password that opens it",
  )
    .input(ByName.extend({ password: Password }))
    .output(z.object({})),
  removeKey: procedure(
    "DELETE",
    "/v1/repositories/{name}/keys/{key}",
    "repository.key",
    "/repositories/{name}",
    "A password opens it no more; who has had it may have kept what it opened",
  )
    .input(ByName.extend({ key: z.string().regex(HEX_ID, { error: ID_RULE }) }))
    .output(z.object({})),
  remove: procedure(
    "DELETE",
    "/v1/repositories/{name}",
    "repository.create",
    "/repositories/{name}",
    "Forget a repository and its password; what lies in its place stays",
  )
    .input(ByName)
    .output(z.object({})),
  check: procedure(
    "POST",
    "/v1/repositories/{name}/check",
    "backup.verify",
    "/repositories/{name}",
    "Look whether a repository is whole",
  )
    .input(
      ByName.extend({
        readShare: z.number().min(0).max(1).default(0).describe("How much of its data is read: 1 is all"),
      }),
    )
    .output(Operation),
  prune: procedure(
    "POST",
    "/v1/repositories/{name}/prune",
    "backup.prune",
    "/repositories/{name}",
    "Remove what no backup needs",
  )
    .input(ByName)
    .output(Operation),
  unlock: procedure(
    "POST",
    "/v1/repositories/{name}/unlock",
    "backup.prune",
    "/repositories/{name}",
    "Remove its locks, whoever holds them: only where nothing works on it any more",
  )
    .input(ByName)
    .output(z.object({ removed: z.int() })),
};

const One = z.object({
  repository: Named,
  backup: z.string().regex(HEX_ID, { error: ID_RULE }),
});

export const backups = {
  list: procedure("GET", "/v1/backups", "system.view", "*", "Backups, the oldest first")
    .input(z.object({ repository: Named.optional(), instance: Named.optional().describe("Its name or id") }))
    .output(z.object({ items: z.array(Backup), problems: z.array(Problem) })),
  create: procedure(
    "POST",
    "/v1/instances/{name}/backups",
    "backup.create",
    "/projects/*/instances/{name}",
    "Back an instance up, as it runs or rests",
  )
    .input(
      ByName.extend({
        repository: Named.optional().describe("Left out, the only one there is"),
        full: z.boolean().default(false).describe("Read all of it, whatever is known to be as it was"),
        isProtected: z.boolean().default(false),
      }),
    )
    .output(Operation),
  restore: procedure(
    "POST",
    "/v1/repositories/{repository}/backups/{backup}/restore",
    "backup.restore",
    "/repositories/{repository}",
    "Make a new instance of a backup; it is stopped, unless it is restored live",
  )
    .input(
      One.extend({
        as: InstanceName.optional().describe("Left out, what it was called"),
        env: ContainerSpec.shape.env.describe("Of a container: no backup has the values of its environment"),
        live: z
          .boolean()
          .default(false)
          .describe(
            "Of a VM: start it at once. What its guest reads comes from the backup, and all else after it; until then the backup is needed",
          ),
      }),
    )
    .output(Operation),
  revert: procedure(
    "POST",
    "/v1/repositories/{repository}/backups/{backup}/revert",
    "backup.restore",
    "/repositories/{repository}",
    "Make the disks of a stopped instance, or the files of a container, what they were; what they are now is kept in a snapshot",
  )
    .input(
      One.extend({
        disk: Named.optional().describe("Name or id of the only one that is wanted; the first is disk"),
      }),
    )
    .output(Operation),
  update: procedure(
    "PATCH",
    "/v1/repositories/{repository}/backups/{backup}",
    "backup.prune",
    "/repositories/{repository}",
    "Protect a backup, or no longer",
  )
    .input(One.extend({ isProtected: z.boolean() }))
    .output(Backup),
  remove: procedure(
    "DELETE",
    "/v1/repositories/{repository}/backups/{backup}",
    "backup.prune",
    "/repositories/{repository}",
    "Forget a backup; what only it needs goes with the next prune",
  )
    .input(One)
    .output(z.object({})),
  plans: procedure(
    "GET",
    "/v1/backup-plans",
    "system.view",
    "*",
    "Instances that are backed up by themselves",
  ).output(List(BackupPlan)),
  plan: procedure(
    "PUT",
    "/v1/instances/{name}/backup-plan",
    "backup.create",
    "/projects/*/instances/{name}",
    "Back an instance up by itself",
  )
    .input(ByName.extend(NewBackupPlan.shape))
    .output(BackupPlan),
  unplan: procedure(
    "DELETE",
    "/v1/instances/{name}/backup-plan",
    "backup.create",
    "/projects/*/instances/{name}",
    "Back it up by itself no longer; its backups stay",
  )
    .input(ByName)
    .output(z.object({})),
  verify: procedure(
    "POST",
    "/v1/repositories/{repository}/backups/{backup}/verify",
    "backup.verify",
    "/repositories/{repository}",
    "Read all of a backup, and compare it with its sums",
  )
    .input(One)
    .output(Operation),
  browse: procedure(
    "POST",
    "/v1/repositories/{repository}/backups/{backup}/browse",
    "backup.restore",
    "/repositories/{repository}",
    "Show the files of a backup in an instance of its own, the operation's target, which ends when it is not used",
  )
    .input(One)
    .output(Operation),
  drill: procedure(
    "POST",
    "/v1/repositories/{repository}/backups/{backup}/drill",
    "backup.restore",
    "/repositories/{repository}",
    "Prove that a backup can be restored: an instance is made of it, compared, booted, and removed",
  )
    .input(One)
    .output(Operation),
};
