/** The files of instances as `berth://<instance>/path`: connections are made when something is asked for, and kept. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { withDeadline } from "../base/async.ts";
import { DisposableStore } from "../base/disposable.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { ALIAS_SUFFIX, instanceOfAlias, sshAliases } from "../base/ssh-alias.ts";
import type { FileFacts, GuestFiles } from "../client/files/guest-files.ts";
import { FileProblem, type ProblemKind } from "../client/files/problem.ts";
import { FileSessions } from "../client/files/sessions.ts";
import { Sftp } from "../client/files/sftp.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { FileWatches } from "./file-watches.ts";
import type { Model } from "./model.ts";

export const FILES_SCHEME = "berth";

/** A guest that runs and cannot be connected with for so long is told to be so: the Explorer waits for the answer. */
const OPEN_MS = 60_000;

type Deps = { mirror: EngineMirror; model: Model; log: vscode.LogOutputChannel };

export class InstanceFiles implements vscode.FileSystemProvider, vscode.Disposable {
  readonly #deps: Deps;
  readonly #store = new DisposableStore();
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly #sessions: FileSessions;
  /** Whom an authority meant when it was first used here: a rename leaves open folders and files where they were. */
  readonly #meant = new Map<string, string>();
  /** Ids of those that the user was asked about since they last ran. */
  readonly #asked = new Set<string>();
  readonly #watches: FileWatches;

  readonly onDidChangeFile = this.#changed.event;

  constructor(deps: Deps) {
    this.#deps = deps;
    const fire = (changes: vscode.FileChangeEvent[]) => this.#changed.fire(changes);
    this.#sessions = this.#store.add(new FileSessions((id) => this.#open(id)));
    this.#watches = this.#store.add(
      new FileWatches({ ...deps, find: (uri) => this.#find(uri.authority), fire }),
    );
    this.#store.add(this.#changed);
    this.#store.add(deps.model.onDidChange((ids) => this.#followStates(ids)));
    this.#store.add(
      vscode.workspace.registerFileSystemProvider(FILES_SCHEME, this, { isCaseSensitive: true }),
    );
  }

  watch(uri: vscode.Uri, options: { recursive: boolean }): vscode.Disposable {
    return this.#watches.add(uri, options.recursive);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    return statOf(await this.#on(uri, (files) => files.stat(uri.path)));
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const entries = await this.#on(uri, (files) => files.list(uri.path));
    return entries.map(([name, facts]) => [name, typeOf(facts)]);
  }

  readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return this.#on(uri, (files) => files.read(uri.path));
  }

  async writeFile(
    uri: vscode.Uri,
    bytes: Uint8Array,
    may: { create: boolean; overwrite: boolean },
  ): Promise<void> {
    const made = await this.#on(uri, (files) => files.write(uri.path, bytes, may));
    this.#fire([uri, made ? vscode.FileChangeType.Created : vscode.FileChangeType.Changed]);
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    await this.#on(uri, (files) => files.makeDirectory(uri.path));
    this.#fire([uri, vscode.FileChangeType.Created]);
  }

  async delete(uri: vscode.Uri, options: { recursive: boolean }): Promise<void> {
    await this.#on(uri, (files) => files.remove(uri.path, options));
    this.#fire([uri, vscode.FileChangeType.Deleted]);
  }

  async rename(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    if (this.#sameGuest(from, to)) await this.#on(from, (files) => files.rename(from.path, to.path, options));
    else {
      await this.#copy(from, to, options);
      await this.#on(from, (files) => files.remove(from.path, { recursive: true }));
    }
    this.#fire([from, vscode.FileChangeType.Deleted], [to, vscode.FileChangeType.Created]);
  }

  async copy(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    await this.#copy(from, to, options);
    this.#fire([to, vscode.FileChangeType.Created]);
  }

  /** The address of a directory of this instance. Rejects with EngineError where its name still means another here. */
  async homeOf(instance: Instance): Promise<vscode.Uri> {
    const alias = sshAliases(this.#deps.model.alive()).get(instance.id) ?? instance.name;
    const authority = alias.slice(0, -ALIAS_SUFFIX.length);
    if (this.#find(authority)?.id !== instance.id) {
      if (inUse(authority)) throw takenByAnother(instance.name);
      this.#meant.set(authority, instance.id);
    }
    const path = await this.#sessions.use(instance.id, (files) => files.home());
    return vscode.Uri.from({ scheme: FILES_SCHEME, authority, path });
  }

  dispose(): void {
    this.#store.dispose();
  }

  #sameGuest(one: vscode.Uri, other: vscode.Uri): boolean {
    return (
      one.authority === other.authority || this.#find(one.authority)?.id === this.#find(other.authority)?.id
    );
  }

  #copy(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    return this.#on(from, (source) =>
      this.#on(to, (target) => target.copyFrom(source, from.path, to.path, options)),
    );
  }

  #fire(...changes: [uri: vscode.Uri, type: vscode.FileChangeType][]): void {
    this.#changed.fire(changes.map(([uri, type]) => ({ uri, type })));
  }

  async #on<T>(uri: vscode.Uri, work: (files: GuestFiles) => Promise<T>): Promise<T> {
    try {
      await this.#deps.mirror.client();
      const instance = this.#find(uri.authority);
      if (!instance) throw unavailable(vscode.l10n.t("There is no instance {0}.", uri.authority));
      if (instance.state !== "running") throw this.#notRunning(instance);
      return await this.#sessions.use(instance.id, work);
    } catch (error) {
      throw asFileSystemError(error, uri);
    }
  }

  #find(authority: string): Instance | undefined {
    const { model } = this.#deps;
    const meant = model.get(this.#meant.get(authority) ?? "");
    const instance = meant && meant.state !== "deleted" ? meant : instanceOfAlias(authority, model.alive());
    if (instance) this.#meant.set(authority, instance.id);
    return instance;
  }

  async #open(id: string): Promise<Sftp> {
    const client = await this.#deps.mirror.client();
    const deadline = withDeadline(OPEN_MS);
    try {
      const name = this.#deps.model.get(id)?.name ?? id;
      return await Sftp.on(await client.sftp(name, { signal: deadline.signal }));
    } finally {
      deadline.done();
    }
  }

  /** Asks once, beside the answer: whoever reads a file is not kept waiting for a person. */
  #notRunning(instance: Instance): vscode.FileSystemError {
    if (!this.#asked.has(instance.id)) {
      this.#asked.add(instance.id);
      void this.#offerStart(instance);
    }
    return unavailable(vscode.l10n.t("{0} is not running.", instance.name));
  }

  async #offerStart({ name, state }: Instance): Promise<void> {
    if (state !== "stopped" && state !== "suspended") return;
    const start = vscode.l10n.t("Start");
    const words = vscode.l10n.t("{0} is not running, so its files cannot be seen.", name);
    if ((await vscode.window.showInformationMessage(words, start)) === start)
      await vscode.commands.executeCommand("berth.start", name);
  }

  /** Once it runs, what was shown as unavailable is looked at again. */
  #followStates(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#deps.model.get(id)?.state !== "running" || !this.#asked.delete(id)) continue;
      const roots = (vscode.workspace.workspaceFolders ?? []).filter(
        ({ uri }) => uri.scheme === FILES_SCHEME && this.#find(uri.authority)?.id === id,
      );
      if (roots.length === 0) continue;
      this.#fire(
        ...roots.map(({ uri }): [vscode.Uri, vscode.FileChangeType] => [uri, vscode.FileChangeType.Changed]),
      );
      vscode.commands
        .executeCommand("workbench.files.action.refreshFilesExplorer")
        .then(undefined, (error) => this.#deps.log.debug(messageOf(error)));
    }
  }
}

export function statOf(facts: FileFacts): vscode.FileStat {
  const { size, modifiedMs, readonly } = facts;
  return {
    ...{ type: typeOf(facts), ctime: modifiedMs, mtime: modifiedMs, size },
    ...(readonly && facts.kind === "file" ? { permissions: vscode.FilePermission.Readonly } : {}),
  };
}

export function typeOf({ kind, link }: FileFacts): vscode.FileType {
  const type =
    kind === "directory"
      ? vscode.FileType.Directory
      : kind === "file"
        ? vscode.FileType.File
        : vscode.FileType.Unknown;
  return link ? type | vscode.FileType.SymbolicLink : type;
}

/** Whether this window shows or edits files of the address. */
function inUse(authority: string): boolean {
  const { workspaceFolders = [], textDocuments } = vscode.workspace;
  const uris = [...workspaceFolders, ...textDocuments].map(({ uri }) => uri);
  return uris.some((uri) => uri.scheme === FILES_SCHEME && uri.authority === authority);
}

function takenByAnother(name: string): EngineError {
  return new EngineError(
    "busy",
    `cannot browse ${name}: this window shows files of another under that name`,
    {
      hint: "It was renamed since. Close its files and folders here, then try again.",
    },
  );
}

function unavailable(words: string): vscode.FileSystemError {
  return vscode.FileSystemError.Unavailable(words);
}

const KINDS: Partial<Record<ProblemKind, (what: vscode.Uri | string) => vscode.FileSystemError>> = {
  "not-found": vscode.FileSystemError.FileNotFound,
  exists: vscode.FileSystemError.FileExists,
  "not-a-directory": vscode.FileSystemError.FileNotADirectory,
  "is-a-directory": vscode.FileSystemError.FileIsADirectory,
  "no-permission": vscode.FileSystemError.NoPermissions,
};

export function asFileSystemError(error: unknown, uri: vscode.Uri): Error {
  if (error instanceof vscode.FileSystemError) return error;
  if (!(error instanceof FileProblem)) return unavailable(messageOf(error));
  const make = KINDS[error.kind];
  if (!make) return new vscode.FileSystemError(error.message);
  return make(error.kind === "no-permission" ? error.message : uri);
}
