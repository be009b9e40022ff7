/** The files of backups as `berth-backup://<id>.<repository>/path`, to be read only. */
import * as vscode from "vscode";
import type { Backup } from "../api/backup.ts";
import { withDeadline } from "../base/async.ts";
import { DisposableStore } from "../base/disposable.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { directoryOf, isStored } from "../client/files/backup-files.ts";
import type { GuestFiles } from "../client/files/guest-files.ts";
import { RootedFiles } from "../client/files/rooted-files.ts";
import { FileSessions } from "../client/files/sessions.ts";
import { Sftp } from "../client/files/sftp.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { asFileSystemError, statOf, typeOf } from "./files.ts";
import { withCancellableProgress } from "./progress.ts";

export const BACKUP_SCHEME = "berth-backup";

type Wanted = { repository: string; backup: string };

/** The instance that shows them runs by then. */
const OPEN_MS = 60_000;

export class BackupFiles implements vscode.FileSystemProvider, vscode.Disposable {
  readonly #mirror: EngineMirror;
  readonly #store = new DisposableStore();
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly #sessions: FileSessions;
  /** What is in a backup stays where it is. */
  readonly #directories = new Map<string, string>();

  readonly onDidChangeFile = this.#changed.event;

  constructor(mirror: EngineMirror) {
    this.#mirror = mirror;
    this.#sessions = this.#store.add(new FileSessions((authority) => this.#open(authority)));
    this.#store.add(this.#changed);
    const how = { isCaseSensitive: true, isReadonly: true };
    this.#store.add(vscode.workspace.registerFileSystemProvider(BACKUP_SCHEME, this, how));
  }

  /** Nothing in a backup ever changes. */
  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const facts = await this.#on(uri, (files) => files.stat(uri.path));
    return { ...statOf(facts), permissions: vscode.FilePermission.Readonly };
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const entries = await this.#on(uri, (files) => files.list(uri.path));
    return entries.map(([name, facts]) => [name, typeOf(facts)]);
  }

  readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return this.#on(uri, (files) => files.read(uri.path));
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #on<T>(uri: vscode.Uri, work: (files: RootedFiles) => Promise<T>): Promise<T> {
    try {
      return await this.#sessions.use(uri.authority, async (files) =>
        work(new RootedFiles(files, await this.#directory(uri.authority, files))),
      );
    } catch (error) {
      throw asFileSystemError(error, uri);
    }
  }

  async #directory(authority: string, files: GuestFiles): Promise<string> {
    const directory = this.#directories.get(authority) ?? (await directoryOf(files));
    this.#directories.set(authority, directory);
    return directory;
  }

  async #open(authority: string): Promise<Sftp> {
    const client = await this.#mirror.client();
    const wanted = backupAt(authority);
    if (!wanted) throw vscode.FileSystemError.Unavailable(vscode.l10n.t("There is no such backup."));
    const instance = (await isStored(client.api, wanted)) ? undefined : await this.#shownBy(client, wanted);
    const deadline = withDeadline(OPEN_MS);
    try {
      const { signal } = deadline;
      return await Sftp.on(
        await (instance === undefined
          ? client.backupFiles(wanted, { signal })
          : client.sftp(instance, { signal })),
      );
    } finally {
      deadline.done();
    }
  }

  /** The instance that shows them. */
  async #shownBy(client: EngineClient, wanted: Wanted): Promise<string> {
    const operation = await client.api.backups.browse(wanted);
    const title = vscode.l10n.t("Opening the backup {0}", wanted.backup);
    const { target } = await withCancellableProgress(title, (signal, report) =>
      client.watchOperation(operation, { signal, onProgress: report }),
    );
    return target;
  }
}

/** Pure but for the editor's own type. */
export function uriOfBackup({ id, repository }: Pick<Backup, "id" | "repository">): vscode.Uri {
  return vscode.Uri.from({ scheme: BACKUP_SCHEME, authority: `${id.slice(0, 12)}.${repository}`, path: "/" });
}

function backupAt(authority: string): Wanted | undefined {
  const [, backup, repository] = /^([0-9a-f]{4,64})\.(.+)$/.exec(authority) ?? [];
  return backup === undefined || repository === undefined ? undefined : { repository, backup };
}
