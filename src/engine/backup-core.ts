/** Backups and their repositories as the server sees them: a part of `engine-core.ts`. */
import type { Duplex, Readable } from "node:stream";

import type {
  Backup,
  BackupPlan,
  BackupRepository,
  NewBackupPlan,
  NewRepository,
  RepositoryKey,
} from "../api/backup.ts";
import type { Problem } from "../api/instance.ts";
import type { NewDiskInstance } from "../api/move.ts";
import type { Operation } from "../api/operation.ts";
import type { ExportOpen, InstanceImportOpen } from "../api/streams.ts";

export interface RepositoriesApi {
  list(): BackupRepository[];
  add(wanted: NewRepository): Promise<Operation>;
  reveal(name: string): Promise<string>;
  /** Draws one where none is given. */
  changePassword(name: string, password: string | undefined, signal: AbortSignal): Promise<void>;
  keys(name: string, signal: AbortSignal): Promise<RepositoryKey[]>;
  addKey(name: string, password: string, signal: AbortSignal): Promise<void>;
  /** The beginning of its id is enough; `wrong-state` of the engine's own. */
  removeKey(name: string, key: string, signal: AbortSignal): Promise<void>;
  remove(name: string): Promise<void>;
  /** `readShare`: how much of its data is read, 0 to 1. */
  check(name: string, options: { readShare: number }): Promise<Operation>;
  prune(name: string): Promise<Operation>;
  /** Resolves with how many locks were broken. */
  unlock(name: string, signal: AbortSignal): Promise<number>;
}

/** The beginning of a backup's id is enough. */
export type OneBackup = { repository: string; backup: string };

export type RestoreHow = {
  /** Of a container: no backup has these values. */
  env: Readonly<Record<string, string>>;
  /** Of a VM: its guest starts at once, and reads from the backup what is not there yet. */
  live: boolean;
};

export interface BackupsApi {
  /** What cannot be read is among the problems, unless one repository is asked for. */
  list(
    query: { repository?: string | undefined; instance?: string | undefined },
    signal: AbortSignal,
  ): Promise<{ items: Backup[]; problems: Problem[] }>;
  create(
    name: string,
    options: { repository?: string | undefined; full: boolean; isProtected: boolean },
  ): Promise<Operation>;
  /** To a new instance, which is called `as`, or what it was called. */
  restore(
    one: OneBackup,
    as: string | undefined,
    signal: AbortSignal,
    how?: Partial<RestoreHow>,
  ): Promise<Operation>;
  /**
   * To the instance itself, which must be there and stopped, all of its disks or the one that is named; what it is now is
   * kept in a snapshot.
   */
  revert(one: OneBackup, disk: string | undefined, signal: AbortSignal): Promise<Operation>;
  update(one: OneBackup, change: { isProtected: boolean }, signal: AbortSignal): Promise<Backup>;
  /** `wrong-state` of one that is protected. */
  remove(one: OneBackup, signal: AbortSignal): Promise<void>;
  verify(one: OneBackup): Promise<Operation>;
  /** Its target is the instance that shows the files of the backup, in `BACKUP_FILES`; that ends when it is not used. */
  browse(one: OneBackup, signal: AbortSignal): Promise<Operation>;
  /** Restores it to an instance of its own, which it boots and removes. */
  drill(one: OneBackup, signal: AbortSignal): Promise<Operation>;
  /** A stream that speaks SFTP, which the caller owns: of a container, whose files lie in the repository themselves. */
  files(one: OneBackup, signal: AbortSignal): Promise<Duplex>;
}

/** VMs as files. */
export interface TransfersApi {
  /**
   * A VM as one file, as it is now, or a container's file system as a tar; the caller owns the stream. `invalid-argument`
   * of an encrypted one where the file would not be, unless that is asked for.
   */
  export(name: string, open: ExportOpen, signal: AbortSignal): Promise<Readable>;
  /** Makes a VM of a file. What it gives is a line with its name; destroying it, or aborting, takes all back. */
  import(open: InstanceImportOpen, file: Readable, signal: AbortSignal): Readable;
  /** Makes a VM of a disk of this host; it is stopped. */
  importDisk(wanted: NewDiskInstance): Promise<Operation>;
}

export interface BackupPlansApi {
  list(): BackupPlan[];
  set(instance: string, wanted: NewBackupPlan): BackupPlan;
  /** No effect where there is none. */
  remove(instance: string): void;
}
