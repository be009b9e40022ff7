/** Opens the files of a container's backup, which no helper is needed for: its repository stays open as long as they do. */
import type { Duplex } from "node:stream";
import { abortable, deferred } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { OneBackup } from "../../backup-core.ts";
import type { Ctx } from "../../ctx.ts";
import type { Log } from "../../log.ts";
import { snapshotOf } from "../find-backup.ts";
import type { Repositories } from "../repositories.ts";
import type { Repository } from "../repository/repository.ts";
import { readAnyDefinition } from "../restore-work.ts";
import { StoredFiles } from "./stored-files.ts";
import { sftpOfStored } from "./stored-sftp.ts";

const DOING = "show the files of the backup";

/** Resolves with a stream that speaks SFTP, which the caller owns. `signal` counts until then. */
export async function openStored(
  { repositories, log }: { repositories: Repositories; log: Log },
  { repository, backup }: OneBackup,
  signal: AbortSignal,
): Promise<Duplex> {
  const record = repositories.find(repository, DOING);
  const life = new AbortController();
  const ctx: Ctx = { signal: life.signal, log, progress: () => {} };
  const opened = deferred<Duplex>();
  repositories
    .useNow(ctx, record, async (open) => {
      await serve(open, ctx, backup, (files) => opened.resolve(sftpOfStored(ctx, files, life)));
    })
    .catch((error: unknown) => opened.reject(error));
  try {
    return await abortable(opened.promise, signal);
  } catch (error) {
    life.abort();
    throw error;
  }
}

/** Until nobody reads them any more. */
async function serve(
  repository: Repository,
  ctx: Ctx,
  backup: string,
  onOpen: (files: StoredFiles) => void,
): Promise<void> {
  const snapshot = await snapshotOf(ctx, repository, backup, DOING);
  await using reader = await repository.read(ctx);
  const definition = await readAnyDefinition(ctx, reader, snapshot);
  if (definition.kind !== "container")
    throw new EngineError("wrong-state", `cannot ${DOING}: they lie on disks, which an instance has to read`);
  onOpen(new StoredFiles(reader, snapshot, definition.volumes));
  await abortable(deferred<never>().promise, ctx.signal).catch(() => {});
}
