/** From nothing to a client of the engine. */
import { createORPCClient } from "@orpc/client";
import {
  BACKUP_FILES_PATH,
  BUILD_PATH,
  COMPOSE_PATH,
  FOREIGN_LOGS_PATH,
  IMPORT_PATH,
  INSTANCE_IMPORT_PATH,
  streamPath,
} from "../api/frames.ts";
import { EngineError } from "../base/errors.ts";
import type {
  ConnectedClient,
  ConnectOptions,
  EngineApi,
  EngineClient,
  RemoteProcess,
} from "./engine-client.ts";
import { Search } from "./find-engine.ts";
import { createLink } from "./link.ts";
import { type Open, openStream } from "./open-stream.ts";
import { watchOperation } from "./watch.ts";

/**
 * A client of the running engine. With `engineBundle`, one is started where none runs, and an older one is replaced.
 * Rejects with `engine-unavailable` (not running, cannot be started), `not-supported` (newer than this client),
 * `busy` (an older one still works), `missing-dependency` (this Node cannot run it) or `cancelled`.
 */
export async function connect(options: ConnectOptions = {}): Promise<ConnectedClient> {
  const search = new Search(options);
  const info = await search.find(options.signal);
  return Object.assign(new Connection(search), { info });
}

/** A client that does what `connect` does only where its first call finds no engine that takes it. */
export function connectLate(options: ConnectOptions = {}): EngineClient {
  return new Connection(new Search(options));
}

class Connection implements EngineClient {
  readonly #search: Search;
  readonly #lifetime = new AbortController();
  readonly api: EngineApi;

  constructor(search: Search) {
    this.#search = search;
    const link = createLink(() => search.address, this.#lifetime.signal);
    this.api = createORPCClient({ call: (...asked) => search.reach(() => link.call(...asked)) });
  }

  exec: EngineClient["exec"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "exec"), open, signal);

  tunnel: EngineClient["tunnel"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "tunnel"), open, signal);

  display: EngineClient["display"] = (name, { signal } = {}) =>
    this.#open(streamPath(name, "display"), {}, signal);

  console: EngineClient["console"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "console"), open, signal);

  sftp: EngineClient["sftp"] = (name, { signal } = {}) => this.#open(streamPath(name, "sftp"), {}, signal);

  backupFiles: EngineClient["backupFiles"] = (open, { signal } = {}) =>
    this.#open(BACKUP_FILES_PATH, open, signal);

  logs: EngineClient["logs"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "logs"), open, signal);

  attach: EngineClient["attach"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "attach"), open, signal);

  export: EngineClient["export"] = (name, open = {}, { signal } = {}) =>
    this.#open(streamPath(name, "export"), open, signal);

  importInstance: EngineClient["importInstance"] = (open, { signal } = {}) =>
    this.#open(INSTANCE_IMPORT_PATH, open, signal);

  foreignLogs: EngineClient["foreignLogs"] = (open, { signal } = {}) =>
    this.#open(FOREIGN_LOGS_PATH, open, signal);

  import: EngineClient["import"] = (open, { signal } = {}) => this.#open(IMPORT_PATH, open, signal);

  build: EngineClient["build"] = (open, { signal } = {}) => this.#open(BUILD_PATH, open, signal);

  compose: EngineClient["compose"] = (open, { signal } = {}) => this.#open(COMPOSE_PATH, open, signal);

  watchOperation: EngineClient["watchOperation"] = (operation, { onProgress, signal } = {}) =>
    watchOperation(operation, {
      api: this.api,
      reconnect: async (until) => void (await this.#search.find(this.#until(until), true)),
      onProgress,
      signal,
    });

  async *events(signal: AbortSignal): ReturnType<EngineClient["events"]> & AsyncGenerator {
    yield* await this.api.events.subscribe({}, { signal });
  }

  dispose(): void {
    this.#lifetime.abort(new EngineError("cancelled", "the client was disposed"));
  }

  #open(path: string, open: Open, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    const search = this.#search;
    return search.reach(() => openStream(search.address, path, open, this.#until(signal)));
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#lifetime.signal]) : this.#lifetime.signal;
  }
}
