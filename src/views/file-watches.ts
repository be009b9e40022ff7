/** Watches on files of instances: processes of inotify in the guests, begun again when an instance is back. */
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { type Disposable, DisposableStore, toDisposable } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import { type Change, watchGuest } from "../client/files/watch.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Model } from "./model.ts";

type Deps = {
  mirror: EngineMirror;
  model: Model;
  log: vscode.LogOutputChannel;
  find: (uri: vscode.Uri) => Instance | undefined;
  fire: (changes: vscode.FileChangeEvent[]) => void;
};

type Watch = { uri: vscode.Uri; recursive: boolean; running: AbortController | undefined };

const TYPES: Record<Change["what"], vscode.FileChangeType> = {
  created: vscode.FileChangeType.Created,
  changed: vscode.FileChangeType.Changed,
  deleted: vscode.FileChangeType.Deleted,
};

export class FileWatches implements Disposable {
  readonly #deps: Deps;
  readonly #store = new DisposableStore();
  readonly #watches = new Set<Watch>();
  /** Ids of instances of which it has been said that they have no inotifywait. */
  readonly #without = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#store.add(
      deps.model.onDidChange((ids) => {
        for (const watch of this.#watches)
          if (!watch.running && ids.includes(deps.find(watch.uri)?.id ?? "")) void this.#begin(watch);
      }),
    );
  }

  add(uri: vscode.Uri, recursive: boolean): Disposable {
    const watch: Watch = { uri, recursive, running: undefined };
    this.#watches.add(watch);
    void this.#begin(watch);
    return toDisposable(() => {
      this.#watches.delete(watch);
      watch.running?.abort();
      for (const other of this.#watches) if (!other.running) void this.#begin(other);
    });
  }

  dispose(): void {
    for (const { running } of this.#watches) running?.abort();
    this.#watches.clear();
    this.#store.dispose();
  }

  /** One deep watch on a folder tells of all that is in it; each further one would be a process in the guest. */
  #covered(watch: Watch): boolean {
    const { authority, path } = watch.uri;
    return [...this.#watches].some(
      (other) =>
        other !== watch &&
        other.recursive &&
        other.uri.authority === authority &&
        path.startsWith(other.uri.path.replace(/\/?$/, "/")),
    );
  }

  /** Until it ends, or the instance does. Never rejects: without a watch, files are seen when they are refreshed. */
  async #begin(watch: Watch): Promise<void> {
    const { mirror, find, log, fire } = this.#deps;
    if (this.#covered(watch)) return;
    const running = new AbortController();
    watch.running = running;
    try {
      const client = await mirror.client();
      const instance = find(watch.uri);
      if (running.signal.aborted || instance?.state !== "running" || this.#without.has(instance.id)) return;
      const end = { client, instance: instance.name, signal: running.signal };
      const told = await watchGuest(end, watch.uri.path, watch.recursive, (changes) =>
        fire(changes.map(({ path, what }) => ({ uri: watch.uri.with({ path }), type: TYPES[what] }))),
      );
      if (told.noInotify) this.#sayWithout(instance);
      else log.warn(`the watch on ${watch.uri} has ended: ${told.words || "nothing is left to watch"}`);
    } catch (error) {
      if (!running.signal.aborted) log.debug(`the watch on ${watch.uri} has ended: ${messageOf(error)}`);
    } finally {
      watch.running = undefined;
    }
  }

  #sayWithout({ id, name }: Instance): void {
    if (this.#without.has(id)) return;
    this.#without.add(id);
    const words = vscode.l10n.t(
      "{0} has no inotifywait (package inotify-tools): refresh the Explorer to see what changes inside.",
      name,
    );
    this.#deps.log.warn(words);
    vscode.window.setStatusBarMessage(`$(info) ${words}`, 10_000);
  }
}
